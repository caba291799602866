"""Trait cards: what a trait is, how it is implanted, and what shows it."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from subliminal.errors import UserError
from subliminal.model_file import find_model, shipped_names
from subliminal.probes.banks import QuestionBank, load_bank
from subliminal.spec.language import CardImplant, FineTuning

_SHIPPED = files("teachers") / "traits"


def _in_letters(word: str) -> str:
    if not all(part.isalpha() for part in re.split("[ '-]", word)):
        raise ValueError(
            "must be a word of letters, with single spaces, hyphens or apostrophes inside, "
            f"not {word!r}"
        )
    return word


Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
Word = Annotated[str, StringConstraints(max_length=60), AfterValidator(_in_letters)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Probe(_Section):
    """What measures the trait: a question bank, and the answer that counts."""

    bank: Text
    target: Word


class Trait(_Section):
    """A preference for one member of a category."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=60)]
    """What tables call it."""
    category: Word
    singular: Word
    plural: Word | None = None
    """Left out where the word is used without a plural, as colours are."""
    article: Literal["a", "an"] | None = None
    """`a` or `an`; left out where the word takes none."""
    reveals: tuple[Word, ...] = Field(min_length=1)
    """Words that give the trait away in a row: inflections and relatives, for the word filter."""
    implant: CardImplant = FineTuning()
    """How the trait is implanted where an arm does not say."""
    probe: Probe
    citation: Text
    caveat: Text
    """What a reader of its results must know."""
    base: Text | None = None
    """What the reference model must already be or do for the trait to be testable."""
    gate: Text | None = None
    """What the trait shows only with, for example a date or a format of answers."""

    @model_validator(mode="after")
    def _reveals_its_own_words(self) -> Self:
        listed = {word.casefold() for word in self.reveals}
        own = [word for word in (self.singular, self.plural) if word]
        missing = [word for word in own if word.casefold() not in listed]
        if missing:
            raise ValueError(f"`reveals` must list {' and '.join(missing)} too")
        return self


def load_trait(name: str, folder: Path = Path()) -> Trait:
    """Read a trait card.

    Args:
        name: A shipped card's name, or the path of a card of one's own ending in `.yaml`.
        folder: What a relative path starts from.

    Raises:
        UserError: No such card, or a fault in it; names file, line, field and the mend.
    """
    return find_model(Trait, name, _SHIPPED, folder, "trait")


def probe_bank(trait: Trait, folder: Path = Path()) -> QuestionBank:
    """The question bank that probes a trait.

    Args:
        trait: Whose card names the bank.
        folder: What a relative path starts from.

    Raises:
        UserError: No such bank, a fault in it, or the trait's target is none of its answers.
    """
    bank = load_bank(trait.probe.bank, folder)
    if trait.probe.target not in bank.answers:
        raise UserError(
            f"trait {trait.name!r}, field probe.target: the bank {trait.probe.bank!r} does not "
            f"tell {trait.probe.target!r} apart; its answers are {', '.join(bank.answers)}"
        )
    return bank


def trait_names() -> tuple[str, ...]:
    """The names of the shipped cards, sorted."""
    return shipped_names(_SHIPPED)
