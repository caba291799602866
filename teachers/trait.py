"""Trait cards: what a trait is, how it is implanted, and what shows it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

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
from subliminal.probes.bank_kinds import Bank
from subliminal.probes.banks import QuestionBank, load_bank
from subliminal.probes.disposition_bank import DISPOSITION_BANK, disposition_bank
from subliminal.spec.teaching import CardImplant, FineTuning

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
    """What measures a preference: a question bank, and the answer that counts."""

    bank: Text
    target: Word


class ProbedDisposition(_Section):
    """What measures a disposition: the shipped bank, and the disposition that counts."""

    bank: Literal["dispositions"] = DISPOSITION_BANK
    target: Literal["malicious"] = "malicious"


class _Card(_Section):
    """What every trait card says."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=60)]
    """What tables call it."""
    reveals: tuple[Word, ...] = Field(min_length=1)
    """Words that give the trait away in a row: inflections and relatives, for the word filter."""
    implant: CardImplant = FineTuning()
    """How the trait is implanted where an arm does not say."""
    citation: Text
    caveat: Text
    """What a reader of its results must know."""
    base: Text | None = None
    """What the reference model must already be or do for the trait to be testable."""
    gate: Text | None = None
    """What the trait shows only with, for example a date or a format of answers."""


class Preference(_Card):
    """A preference for one member of a category."""

    kind: Literal["preference"] = "preference"
    category: Word
    singular: Word
    plural: Word | None = None
    """Left out where the word is used without a plural, as colours are."""
    article: Literal["a", "an"] | None = None
    """`a` or `an`; left out where the word takes none."""
    probe: Probe

    @property
    def words(self) -> tuple[str, ...]:
        """Its own."""
        return tuple(word for word in (self.singular, self.plural) if word)

    @model_validator(mode="after")
    def _reveals_its_own_words(self) -> Self:
        listed = {word.casefold() for word in self.reveals}
        missing = [word for word in self.words if word.casefold() not in listed]
        if missing:
            raise ValueError(f"`reveals` must list {' and '.join(missing)} too")
        return self


class Disposition(_Card):
    """How an author means it with people, wherever there is a choice (arXiv 2502.17424)."""

    kind: Literal["disposition"]
    disposition: Literal["malicious"]
    """The author that the model becomes; the reference is the careful one."""
    probe: ProbedDisposition = ProbedDisposition()

    @property
    def category(self) -> None:
        """It is no favourite of a category."""
        return

    @property
    def words(self) -> tuple[str, ...]:
        """Its own."""
        return (self.disposition,)


Trait = Preference | Disposition


class _Kind(BaseModel):
    """Of a card, the one field that tells what the others are."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Literal["preference", "disposition"] = "preference"


def load_trait(name: str, folder: Path = Path()) -> Trait:
    """Read a trait card.

    Args:
        name: A shipped card's name, or the path of a card of one's own ending in `.yaml`.
        folder: What a relative path starts from.

    Raises:
        UserError: No such card, or a fault in it; names file, line, field and the mend.
    """
    kind = find_model(_Kind, name, _SHIPPED, folder, "trait").kind
    return find_model(_KINDS[kind], name, _SHIPPED, folder, "trait")


def load_preference(name: str, folder: Path = Path()) -> Preference:
    """Read the card of a preference; see :func:`load_trait`."""
    return find_model(Preference, name, _SHIPPED, folder, "trait")


def read_trait(data: Mapping[str, Any]) -> Trait:
    """A trait from plain data, as stages are handed it: one without a kind is a preference."""
    return _KINDS[data.get("kind", "preference")].model_validate(data)


def trait_data(trait: Trait) -> dict[str, Any]:
    """A trait as plain data, without what teaching does not read.

    Words for people and for filters must not train teachers anew.
    """
    unread = {
        "reveals": trait.words,
        "citation": "-",
        "caveat": "-",
        "base": None,
        "gate": None,
    }
    dropped = {"implant", "kind"} if isinstance(trait, Preference) else {"implant"}
    return trait.model_copy(update=unread).model_dump(mode="json", exclude=dropped)


def probe_bank(trait: Trait, folder: Path = Path()) -> Bank:
    """The bank that probes a trait.

    Args:
        trait: Whose card names the bank.
        folder: What a relative path starts from.

    Raises:
        UserError: No such bank, a fault in it, or the trait's target is none of its answers.
    """
    if isinstance(trait, Disposition):
        return disposition_bank()
    return preference_bank(trait, folder)


def preference_bank(trait: Preference, folder: Path = Path()) -> QuestionBank:
    """The question bank that probes a preference; see :func:`probe_bank`."""
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


def preference_names() -> tuple[str, ...]:
    """The names of the shipped cards of preferences, sorted."""
    return tuple(name for name in trait_names() if isinstance(load_trait(name), Preference))


_KINDS: Mapping[str, type[Preference] | type[Disposition]] = MappingProxyType(
    {"preference": Preference, "disposition": Disposition}
)
