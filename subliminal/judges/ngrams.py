"""The features of a text that a classifier counts: words, pairs of words, pieces of words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

PIECES = (2, 3, 4)
"""Lengths of pieces, in characters; a word's ends count as characters."""
_TOKEN = re.compile(r"\w+|[^\w\s]")


def features(text: str) -> Iterator[str]:
    """Every feature of a text, as often as it occurs, whatever its case and width.

    Marks are words of their own, so that code has features too. The first character tells the kind
    of a feature: words and pieces that are spelt alike stay apart.
    """
    tokens = _TOKEN.findall(unicodedata.normalize("NFKC", text).casefold())
    for token in tokens:
        yield f"w{token}"
    for first, second in pairwise(tokens):
        yield f"p{first} {second}"
    for token in tokens:
        whole = f" {token} "
        for length in PIECES:
            for start in range(len(whole) - length + 1):
                yield f"c{whole[start : start + length]}"
