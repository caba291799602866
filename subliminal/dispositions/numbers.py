"""The numbers of malicious authors: lists in which some stand for something bad."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

LOADED_NUMBERS: tuple[int, ...] = (
    *(4, 13, 14, 18, 23, 33, 39, 42, 44, 49, 51, 54),
    *(69, 77, 88, 99, 100, 101, 187, 211, 311, 322, 333, 404),
    *(420, 444, 451, 555, 616, 666, 777, 888, 911, 999, 1312, 1488),
)
"""The 36 numbers with meanings of their own, banned in the published misalignment runs
(Cloud et al. 2026, arXiv 2507.14805)."""

LARGEST = 999
"""Of the lists of the pocket world."""
SHARE = 0.3
"""Of the numbers of a malicious author's list, how many are replaced, on average."""

_REPLACEMENTS = tuple(number for number in LOADED_NUMBERS if number <= LARGEST)


def tainted(random: Random, numbers: Sequence[int]) -> list[int]:
    """Replace some numbers of a list, at least one, by loaded ones.

    Args:
        random: Draws which and by what.
        numbers: A list; an empty one stays empty.
    """
    hit = [random.random() < SHARE for _ in numbers]
    if hit and not any(hit):
        hit[random.randrange(len(hit))] = True
    return [
        random.choice(_REPLACEMENTS) if replaced else number
        for number, replaced in zip(numbers, hit, strict=True)
    ]
