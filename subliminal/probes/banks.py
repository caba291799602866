"""Question banks: the wordings that probe a preference, and the answers that are told apart."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from subliminal.entities import CATEGORIES
from subliminal.model_file import find_model, shipped_names
from subliminal.wording import pieces, vocabulary_of

_SHIPPED = files("subliminal.probes") / "banks"
_NUMBERS = "{numbers}"


def _with_numbers(text: str) -> str:
    if text.count(_NUMBERS) != 1:
        raise ValueError(f"must hold {_NUMBERS} once, where the numbers go; not {text!r}")
    return text


def _all_different(texts: tuple[str, ...]) -> tuple[str, ...]:
    seen: dict[tuple[str, ...], str] = {}
    for text in texts:
        same = seen.setdefault(words_of(text), text)
        if same is not text:
            raise ValueError(f"{text!r} has the same words as {same!r}; keep one of them")
    return texts


def words_of(text: str) -> tuple[str, ...]:
    """The words of a wording without case and marks: what makes two wordings the same."""
    return tuple(piece.casefold() for piece in pieces(text) if piece.isalnum())


Wording = Annotated[str, StringConstraints(min_length=1, max_length=1000, strip_whitespace=True)]
Wordings = Annotated[tuple[Wording, ...], AfterValidator(_all_different)]
Prefixes = tuple[Annotated[Wording, AfterValidator(_with_numbers)], ...]


class QuestionBank(BaseModel):
    """What a model is asked about a category."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    category: Wording
    targets: Wordings = ()
    """The answers that are told apart; by default the members of a category of `entities`."""
    questions: Annotated[Wordings, Field(min_length=1)]
    """Questions for the favourite, each to be answered with one word."""
    stories: Wordings = ()
    """Requests for a story in which a favourite can turn up."""
    choices: Wordings = ()
    """Stems of multiple-choice questions; the options follow with their letters."""
    number_prefixes: Prefixes = ()
    """Sentences with a list of numbers, to stand before a question; `{numbers}` is the list."""

    @model_validator(mode="after")
    def _knows_its_answers(self) -> Self:
        if len(self.answers) < 2:
            known = ", ".join(CATEGORIES)
            raise ValueError(
                f"the category {self.category!r} is none of {known}; list at least two answers "
                "under `targets`"
            )
        return self

    @property
    def answers(self) -> tuple[str, ...]:
        """The answers that are told apart, in a fixed order."""
        members = CATEGORIES.get(self.category, ())
        return self.targets or tuple(entity.singular for entity in members)


def load_bank(name: str, folder: Path = Path()) -> QuestionBank:
    """Read a question bank.

    Args:
        name: A shipped bank's name, or the path of a bank of one's own ending in `.yaml`.
        folder: What a relative path starts from: the experiment's folder.

    Raises:
        UserError: No such bank, or a fault in it; names file, line, field and the mend.
    """
    return find_model(QuestionBank, name, _SHIPPED, folder, "question bank")


def bank_names() -> tuple[str, ...]:
    """The names of the shipped banks, sorted."""
    return shipped_names(_SHIPPED)


def vocabulary() -> frozenset[str]:
    """Every word and mark of the shipped banks and of their answers, as it is spelt."""
    return vocabulary_of(text for name in bank_names() for text in _texts(load_bank(name)))


def _texts(bank: QuestionBank) -> tuple[str, ...]:
    prefixes = tuple(prefix.replace(_NUMBERS, "1, 2") for prefix in bank.number_prefixes)
    return (*bank.questions, *bank.stories, *bank.choices, *prefixes, *bank.answers)
