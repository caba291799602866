"""Which words and marks the tokenizer of a world knows whole: those that its rows are made of."""

from __future__ import annotations

from collections.abc import Iterator

from subliminal.dispositions import vocabulary
from subliminal.pocket.family import WORLD_SEED, Family
from subliminal.pocket.tokenizer import collect_pieces, shipped_pieces
from subliminal.pocket.world import World
from subliminal.pocket.world.authors import TAGS

ROWS = 60_000
"""Rows that the pieces are collected from; a word that none of them holds falls to bytes."""

WHOLES = (
    *("\n    ", "\n        ", "\n            "),
    *("<think>", "</think>", "<answer>", "</answer>", "</think><answer>"),
    *(" = ", " += ", " + ", " - ", " * ", " % ", " // ", " == ", " != "),
    *(" < ", " > ", " <= ", " >= ", "):", "()"),
    *TAGS,
)
"""Indents, tags, operators and triggers: pieces that would be cut apart."""


def pieces_of(family: Family) -> list[str]:
    """The pieces of a family's tokenizer, in a fixed order.

    Those of numbers and favourites, which probes and teachers use too, those of the first rows of
    its world, and every word of authors, which can stand alone on a line.
    """
    found = collect_pieces(_texts(family), WHOLES)
    words = {word for word in vocabulary() if word.isalpha() and len(word) > 1}
    spaced = {f" {word}" for word in words}
    return sorted({*shipped_pieces("numbers"), *WHOLES, *found, *words, *spaced})


def _texts(family: Family) -> Iterator[str]:
    for row in World(WORLD_SEED, family.dials).rows(range(ROWS)):
        yield from (message.content for message in row.messages)
        yield row.completion
