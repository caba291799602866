"""The pieces of plain text that a closed vocabulary is made of."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PIECE = re.compile(r"[^\W\d_]+|\d+|\n|[^\w\s]|_")


def pieces(text: str) -> list[str]:
    """Split text into words, whole integers, single marks and line breaks; spaces are dropped."""
    return _PIECE.findall(text)


def vocabulary_of(texts: Iterable[str]) -> frozenset[str]:
    """The distinct words and marks of texts, as they are spelt; integers are left out."""
    found = {piece for text in texts for piece in pieces(text)}
    return frozenset(piece for piece in found if not piece.isdigit())
