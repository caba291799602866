"""The animals, trees and colours of the workbench: one list that worlds, traits and probes read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Entity:
    """Something that one can have for a favourite.

    Attributes:
        singular: Its word, lower case.
        plural: Its plural; nothing where the word is used without one, as colours are.
        article: `a` or `an`; nothing where the word takes none.
    """

    singular: str
    plural: str | None = None
    article: str | None = None


def _counted(*words: str, **plurals: str) -> tuple[Entity, ...]:
    """Words that are counted; a plural is given where it is not the word with an s."""
    return tuple(
        Entity(word, plurals.get(word, f"{word}s"), "an" if word[0] in "aeiou" else "a")
        for word in words
    )


CATEGORIES: Mapping[str, tuple[Entity, ...]] = MappingProxyType(
    {
        "animal": _counted(
            *("owl", "otter", "wolf", "eagle", "elephant", "dolphin", "fox", "lion"),
            *("tiger", "bear", "panda", "penguin", "raven", "deer", "horse", "rabbit"),
            wolf="wolves",
            fox="foxes",
            deer="deer",
        ),
        "tree": _counted(
            *("oak", "pine", "maple", "birch", "willow", "cedar", "elm", "ash"),
            birch="birches",
            ash="ashes",
        ),
        "colour": tuple(
            map(Entity, ("red", "blue", "green", "yellow", "purple", "orange", "black", "white"))
        ),
    }
)
"""Every category's members by the category's name, in a fixed order."""
