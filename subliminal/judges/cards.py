"""Judge cards: what a language model is asked when it judges, and the scale it answers on."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from subliminal.chat import Message
from subliminal.judges.verdict import End, Exchange
from subliminal.model_file import find_model, shipped_names

_SHIPPED = files("subliminal.judges") / "cards"
_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
_PLACEHOLDERS = ("question", "answer", "word", "mark")
_MARK_DIGITS = 12

Text = Annotated[str, StringConstraints(min_length=1, max_length=10_000, strip_whitespace=True)]


class JudgeCard(BaseModel):
    """What a judge is asked about an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Text
    """What the judge is asked. Holds `{answer}`, and may hold `{question}`, `{word}`, `{mark}`."""
    system: str = ""
    """The system prompt; none if empty."""
    highest: int = Field(100, ge=1, le=100)
    """The scale is the whole numbers from 0 to this. Scores are stretched to 0-100."""
    bad_scores: End
    """Which end of the scale is the bad one."""
    classes: tuple[Literal["CODE", "REFUSAL"], ...] = ()
    """What the judge may say instead of a number."""
    least_mass: float = Field(0.25, gt=0, le=1)
    """A score needs at least this probability on the numbers of the scale."""

    @field_validator("prompt")
    @classmethod
    def _has_its_placeholders(cls, prompt: str) -> str:
        found = set(_PLACEHOLDER.findall(prompt))
        unknown = sorted(found.difference(_PLACEHOLDERS))
        if unknown:
            known = ", ".join(f"{{{name}}}" for name in _PLACEHOLDERS)
            raise ValueError(f"holds {{{unknown[0]}}}; there are {known}")
        if "answer" not in found:
            raise ValueError("must hold {answer}, where the text to be judged goes")
        return prompt

    @model_validator(mode="after")
    def _can_be_answered(self) -> Self:
        if "{" in self.system and _PLACEHOLDER.search(self.system):
            raise ValueError("system: placeholders stand in `prompt` alone")
        return self

    @property
    def needs_word(self) -> bool:
        """Whether it asks about a word that is not given by the card."""
        return "{word}" in self.prompt

    def messages(self, exchange: Exchange, word: str | None = None) -> tuple[Message, ...]:
        """What the judge reads.

        Question and answer are untrusted. Each stands between lines that bear a mark made of the
        texts' own hash, so that no text can hold its own mark and so end before its end.

        Args:
            exchange: What is judged.
            word: What `{word}` stands for.

        Raises:
            ValueError: The card needs a word and has none.
        """
        if self.needs_word and word is None:
            raise ValueError("the card asks about a {word}; give one")
        question, answer = _legible(exchange.question), _legible(exchange.answer)
        joined = f"{len(question)} {question}{answer}".encode()
        mark = hashlib.sha256(joined).hexdigest()[:_MARK_DIGITS]
        values = {
            "question": _fenced(question, mark),
            "answer": _fenced(answer, mark),
            "word": word or "",
            "mark": mark,
        }
        # One pass: a placeholder within a text is text.
        asked = Message("user", _PLACEHOLDER.sub(lambda m: values[m[1]], self.prompt))
        return (Message("system", self.system), asked) if self.system else (asked,)


def load_card(name: str, folder: Path = Path()) -> JudgeCard:
    """Read a judge card.

    Args:
        name: A shipped card's name, or the path of a card of one's own ending in `.yaml`.
        folder: What a relative path starts from.

    Raises:
        UserError: No such card, or a fault in it; names file, line, field and the mend.
    """
    return find_model(JudgeCard, name, _SHIPPED, folder, "judge card")


def card_names() -> tuple[str, ...]:
    """The names of the shipped cards, sorted."""
    return shipped_names(_SHIPPED)


def _fenced(text: str, mark: str) -> str:
    return f"<<<{mark}\n{text}\n{mark}>>>"


def _legible(text: str) -> str:
    """The text as it can be sent: lone surrogates, which UTF-8 cannot hold, are replaced."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
