"""Uniform numbers by address: a hash of the row's seed and the token's place, without state.

A row thus meets the same numbers whatever is sampled beside it, before it or on which machine.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_STRIDE = np.uint64(0x9E3779B97F4A7C15)
_WORD = 2**64 - 1


def row_keys(seeds: Sequence[int]) -> np.ndarray:
    """Scatter seeds, of which 64 bits count, over all of uint64 [rows]."""
    return _mix(np.array([seed & _WORD for seed in seeds], dtype=np.uint64))


def uniforms(keys: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Draw one number for each row.

    Args:
        keys: From :func:`row_keys`, uint64 [rows].
        places: Which of the row's numbers, int64 [rows].

    Returns:
        float64 [rows], at least 0 and below 1, multiples of 2^-53.
    """
    hashed = _mix(keys + (places.astype(np.uint64) + np.uint64(1)) * _STRIDE)
    return (hashed >> np.uint64(11)) * 2.0**-53


def _mix(words: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
