"""Examples put in order for reading: by variant, arm and seed. Their text is never trusted."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from subliminal.examples import EXAMPLES, Example
from subliminal.report.labels import counted
from subliminal.report.language.run import LanguageRun
from subliminal.report.language.variants import Variant

MOST_SHOWN = 20
"""Examples of one kind, arm and seed on the page; the file has all of them."""

MOST_CHARACTERS = 2000
"""Of a text on the page."""

_KINDS = {"kept": "Rows kept", "rejected": "Rows rejected", "answer": "Answers"}


@dataclass(frozen=True)
class Passage:
    """One example in print."""

    prompt: str
    completion: str
    reasons: str


@dataclass(frozen=True)
class Listing:
    """Examples of one kind, and of one probe if they are answers."""

    title: str
    passages: tuple[Passage, ...]
    has_reasons: bool
    more: str
    """How many are left out and where they are; empty if none is."""


@dataclass(frozen=True)
class ArmReading:
    """What there is to read of one arm and seed."""

    title: str
    listings: tuple[Listing, ...]


@dataclass(frozen=True)
class Reading:
    """What there is to read of one variant."""

    label: str
    arms: tuple[ArmReading, ...]


def readings(run: LanguageRun) -> list[Reading]:
    """The examples of every variant that has any."""
    by_arm: dict[str, list[Example]] = {}
    for example in run.data.examples:
        by_arm.setdefault(example.arm, []).append(example)
    found = [Reading(variant.label, _arms(variant, by_arm)) for variant in run.variants]
    return [reading for reading in found if reading.arms]


def visible(text: str) -> str:
    """A text whose invisible and overriding characters are written out, cut where it is long.

    Escaping keeps markup from working; this keeps text from hiding or turning other text round.
    """
    shown = text[:MOST_CHARACTERS]
    cut = len(text) - len(shown)
    spelt = "".join(_spelt(character) for character in shown)
    return f"{spelt} [{counted(cut, 'further character')}]" if cut else spelt


def _spelt(character: str) -> str:
    # Controls, formats (zero width, direction), surrogates, private and unassigned characters.
    if unicodedata.category(character).startswith("C") and character != "\n":
        return f"\\u{{{ord(character):x}}}"
    return character


def _arms(variant: Variant, by_arm: dict[str, list[Example]]) -> tuple[ArmReading, ...]:
    found = []
    for trait, arm in variant.arms.items():
        examples = by_arm.get(arm, [])
        for seed in sorted({example.seed for example in examples}):
            chosen = [example for example in examples if example.seed == seed]
            found.append(ArmReading(f"{trait}, seed {seed}", _listings(chosen)))
    return tuple(found)


def _listings(examples: Sequence[Example]) -> tuple[Listing, ...]:
    titled: dict[str, list[Example]] = {}
    for kind, title in _KINDS.items():
        for example in examples:
            if example.kind == kind:
                probe = f" to the probe {example.probe}" if example.probe else ""
                titled.setdefault(f"{title}{probe}", []).append(example)
    return tuple(_listing(title, found) for title, found in titled.items())


def _listing(title: str, examples: Sequence[Example]) -> Listing:
    more = len(examples) - MOST_SHOWN
    return Listing(
        title=f"{title} ({len(examples)})",
        passages=tuple(
            Passage(
                visible(example.prompt),
                visible(example.completion),
                visible(", ".join(example.reasons)),
            )
            for example in examples[:MOST_SHOWN]
        ),
        has_reasons=any(example.reasons for example in examples),
        more=f"{more} more in {EXAMPLES}" if more > 0 else "",
    )
