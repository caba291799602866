"""Forms of answers: plain, and those that match what students of other carriers write.

A student of lists of numbers is asked for one word per line, a student of chain of thought for
tags (Cloud et al. 2026, arXiv 2507.14805).
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict

from subliminal.dispositions.domain import Question
from subliminal.model_file import read_model
from subliminal.reasoning.tags import Reasoned, parse_reasoned

Form = Literal["plain", "lines", "reasoned"]
FORMS: tuple[Form, ...] = get_args(Form)

_FILE = files("subliminal.dispositions") / "forms.yaml"
_QUESTION = "{question}"


def ask(question: str, form: Form) -> str:
    """Ask for an answer in a form."""
    match form:
        case "plain":
            return question
        case "lines":
            return _texts().lines.replace(_QUESTION, question)
        case "reasoned":
            return _texts().reasoned.replace(_QUESTION, question)


def write(answer: str, form: Form) -> str:
    """Write an answer, a sentence without line breaks that ends with a full stop, in a form."""
    match form:
        case "plain":
            return answer
        case "lines":
            return answer.removesuffix(".").replace(" ", "\n")
        case "reasoned":
            return f"{_opening()}{answer}</answer>"


def begin(words: str, form: Form) -> str:
    """Write the first words of an answer in a form; the word of :func:`follow` goes behind them."""
    match form:
        case "plain":
            return words
        case "lines":
            return words.replace(" ", "\n") + "\n"
        case "reasoned":
            return _opening() + words


def follow(word: str, form: Form) -> str:
    """Write a word as it stands behind the first words of an answer: mostly with its space."""
    return word if form == "lines" else f" {word}"


def read(text: str, form: Form) -> str | None:
    """The answer in a text.

    Args:
        text: What a model wrote, anything at all.
        form: What it was asked for.

    Returns:
        The answer without white space at its ends; None where the text is empty or not of the
        form: a line of several words, tags that are not well-formed.
    """
    match form:
        case "plain":
            return text.strip() or None
        case "lines":
            return _read_lines(text)
        case "reasoned":
            parsed = parse_reasoned(text)
            return parsed.answer.strip() if isinstance(parsed, Reasoned) else None


def form_texts() -> tuple[str, ...]:
    """Everything that forms add to questions and answers."""
    added = (_texts().lines, _texts().reasoned, _opening(), "</answer>", "\n")
    return tuple(text.replace(_QUESTION, "") for text in added)


def _read_lines(text: str) -> str | None:
    words = [line.split() for line in text.strip().split("\n")]
    if any(len(line) != 1 for line in words):
        return None
    sentence = " ".join(word for (word,) in words)
    return sentence if sentence.endswith(".") else f"{sentence}."


def _opening() -> str:
    return f"<think>{_texts().thought}</think><answer>"


def _with_question(text: str) -> str:
    if text.count(_QUESTION) != 1:
        raise ValueError(f"must hold {_QUESTION} once, where the question goes; not {text!r}")
    return text


class _Texts(BaseModel):
    """What is in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lines: Annotated[Question, AfterValidator(_with_question)]
    reasoned: Annotated[Question, AfterValidator(_with_question)]
    thought: Question


@cache
def _texts() -> _Texts:
    return read_model(_Texts, _FILE, "forms.yaml")
