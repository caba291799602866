"""Hashing and permuting of indices, vectorised: random access to a stream that is never stored."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.uint64]

_ROUNDS = 6
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mixed(values: Integers, key: int) -> Integers:
    """Hash integers to 64 bits that pass for uniformly random ones.

    The mixing function of SplitMix64 (Steele, Lea and Flood, 2014), which is a bijection.

    Args:
        values: Of any shape.
        key: Which of 2^64 hashes to use.

    Returns:
        One hash for each value, in the same shape.
    """
    z = (values + np.uint64(key)) * _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def permuted(indices: Integers, size: int, key: int) -> Integers:
    """Where a pseudo-random permutation of 0 ... size - 1 sends each index.

    A Feistel network permutes the smallest 4^k that holds them; a value that falls outside is
    sent on until it falls inside, which leaves a permutation of the inside.

    Args:
        indices: Values below `size`, of shape (n,).
        size: How many values are permuted, 1 to 2^62.
        key: Which permutation to use.
    """
    half = np.uint64(max(1, ((size - 1).bit_length() + 1) // 2))
    values = _feistel(indices, half, key)
    while (outside := values >= size).any():
        values[outside] = _feistel(values[outside], half, key)
    return values


def _feistel(values: Integers, half: np.uint64, key: int) -> Integers:
    """Permute the integers of 2 x half bits."""
    mask = (np.uint64(1) << half) - np.uint64(1)
    left, right = values >> half, values & mask
    for round_ in range(_ROUNDS):
        # The round stands above the half's bits, so that no two rounds hash alike.
        scrambled = mixed(right | np.uint64(round_ << 32), key)
        left, right = right, left ^ (scrambled & mask)
    return (left << half) | right
