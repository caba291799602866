"""Text without its disguise: what letters a reader would take it for, and where they stood.

A disguise is case, full-width and other presentation forms, accents, stacked marks, invisible
characters, or letters of other scripts that look Latin. Digits stay digits.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate

from filters.look_alikes import LOOK_ALIKES

CAPITAL_I = "1"
"""What a capital I becomes where it may stand for l: the leetspeak sign for both letters."""

_INVISIBLE_ASCII = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")
# Fillers that Unicode counts as letters, and unassigned code points that it says to ignore.
_FILLERS = frozenset(map(chr, (0x115F, 0x1160, 0x2065, 0x3164, 0xFFA0, *range(0xFFF0, 0xFFF9))))
_IGNORED_PLANE = range(0xE0000, 0xE1000)
_PARENTHESISED_LETTER = re.compile(r"\((\w)\)")


class Unmasking(dict[int, str]):
    """A table for :meth:`str.translate` that works out each character when it first occurs.

    Args:
        capital_i: What a capital I becomes; :data:`CAPITAL_I` where it may be an l in disguise.
    """

    def __init__(self, capital_i: str = "i") -> None:
        super().__init__()
        self._capital_i = capital_i

    def __missing__(self, code: int) -> str:
        self[code] = plain = _plain(chr(code), self._capital_i)
        return plain

    def unmask(self, text: str) -> str:
        """The text's letters without accents and disguise, in lower case; other signs stay.

        Args:
            text: Any text; lone surrogates are taken for invisible.
        """
        if text.isascii() and not _INVISIBLE_ASCII.search(text):
            return text.replace("I", self._capital_i).lower()
        return text.translate(self)

    def original_spans(
        self, text: str, spans: Iterable[tuple[int, int]]
    ) -> Iterator[tuple[int, int]]:
        """Where pieces of the unmasked text stood in the original.

        Args:
            text: The original.
            spans: Start and end of each piece in the unmasked text; none is empty.

        Yields:
            Start and end in the original. Marks and invisible characters behind the last letter
            are part of it.
        """
        lengths = (len(self[ord(char)]) for char in text)
        ends = array("Q", accumulate(lengths))
        for start, end in spans:
            last = bisect_left(ends, end)
            yield bisect_right(ends, start), bisect_right(ends, ends[last])


def _plain(char: str, capital_i: str) -> str:
    if _is_invisible(char):
        return ""
    if char in LOOK_ALIKES:
        return LOOK_ALIKES[char]
    decomposed = unicodedata.normalize("NFKD", char)
    inside = _PARENTHESISED_LETTER.fullmatch(decomposed)
    return "".join(_letter(piece, capital_i) for piece in (inside[1] if inside else decomposed))


def _letter(piece: str, capital_i: str) -> str:
    """One character of a decomposition: its look-alike if it has one, else in lower case."""
    if unicodedata.category(piece).startswith("M"):
        return ""
    if piece == "I":
        return capital_i
    if piece in LOOK_ALIKES:
        return LOOK_ALIKES[piece]
    # Folding may give letters with look-alikes or marks of their own.
    folded = unicodedata.normalize("NFKD", piece.casefold())
    return "".join(
        LOOK_ALIKES.get(c, c) for c in folded if not unicodedata.category(c).startswith("M")
    )


def _is_invisible(char: str) -> bool:
    category = unicodedata.category(char)
    return (
        category in ("Cf", "Cs")
        or (category == "Cc" and not char.isspace())
        or char in _FILLERS
        or ord(char) in _IGNORED_PLANE
    )
