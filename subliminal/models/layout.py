"""How rows of unequal length lie one behind the other on a single axis of tokens.

Nothing is padded but attention, which sees the rows in groups of similar length. Rows cannot see
one another, whatever they are packed with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHORTEST = 0.8
"""Rows shorter than this share of a group's longest go to another group."""
GROUP_TOKENS = 768
"""A group smaller than this costs more calls than it saves padding."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Group:
    """Consecutive rows that attend together, padded on the right to the longest of them.

    Attributes:
        start: Where the first row begins on the axis of tokens.
        lengths: Tokens of each row.
    """

    start: int
    lengths: Integers

    @property
    def stop(self) -> int:
        """Where the last row ends."""
        return self.start + int(self.lengths.sum())

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return int(self.lengths.max())

    def places(self) -> Integers:
        """Which token, counted from `start`, stands where.

        Returns:
            [rows, longest]; behind the end of a row its last token is repeated.
        """
        begins = self.lengths.cumsum() - self.lengths
        return begins[:, None] + np.minimum(np.arange(self.longest), self.lengths[:, None] - 1)

    def padding(self) -> NDArray[np.bool_]:
        """Which places are behind the end of a row: [rows, longest]."""
        return np.arange(self.longest) >= self.lengths[:, None]


@dataclass(frozen=True, eq=False)
class Layout:
    """Rows packed on one axis of tokens.

    Attributes:
        tokens: How many there are.
        groups: The rows in their order, cut into groups.
    """

    tokens: int
    groups: tuple[Group, ...]


def pack(lengths: Sequence[int] | Integers) -> Layout:
    """Lay rows one behind the other.

    Args:
        lengths: Tokens of each row, at least 1; little is padded if they are sorted.
    """
    groups: list[Group] = []
    begun: list[int] = []
    start = 0
    for length in map(int, lengths):
        if _is_full(begun, length):
            groups.append(Group(start, np.asarray(begun)))
            start, begun = groups[-1].stop, []
        begun.append(length)
    if begun:
        groups.append(Group(start, np.asarray(begun)))
    return Layout(groups[-1].stop if groups else 0, tuple(groups))


def _is_full(lengths: Sequence[int], following: int) -> bool:
    """Whether a group should end before a row of the `following` length."""
    if sum(lengths) < GROUP_TOKENS:
        return False
    return min(*lengths, following) < SHORTEST * max(*lengths, following)
