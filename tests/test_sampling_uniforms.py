"""Numbers by address are uniform, independent, and the same for ever."""

from __future__ import annotations

import numpy as np
from scipy.stats import kstest

from subliminal.sampling.uniforms import row_keys, uniforms


def table(rows: int, places: int) -> np.ndarray:
    """Numbers [rows, places] of the seeds 0, 1, 2 ..."""
    keys = row_keys(range(rows))
    return np.stack([uniforms(keys, np.full(rows, place)) for place in range(places)], axis=1)


def test_they_are_uniform() -> None:
    numbers = table(300, 300)
    assert kstest(numbers.ravel(), "uniform").pvalue > 1e-4
    assert numbers.min() >= 0
    assert numbers.max() < 1


def test_neighbouring_seeds_and_places_are_independent() -> None:
    numbers = table(400, 400) - 0.5
    rows = (numbers[1:] * numbers[:-1]).mean() * 12
    places = (numbers[:, 1:] * numbers[:, :-1]).mean() * 12
    diagonal = (numbers[1:, :-1] * numbers[:-1, 1:]).mean() * 12
    # Each is a mean of 160,000 products of variance 1: a standard error of .0025.
    assert max(abs(rows), abs(places), abs(diagonal)) < 0.0125


def test_a_number_depends_on_its_own_seed_and_place_alone() -> None:
    keys = row_keys([5, 900, 2**63 - 1])
    together = uniforms(keys, np.array([0, 7, 3]))
    for row, (seed, place) in enumerate([(5, 0), (900, 7), (2**63 - 1, 3)]):
        assert uniforms(row_keys([seed]), np.array([place]))[0] == together[row]


def test_they_are_those_of_the_published_generator() -> None:
    """SplitMix64 from state s gives mix(s + 0x9E37...15) first; from state 0 (its first output
    is printed with the reference code) 0xE220A8397B1DCDAF. Seed 0 scatters to key 0."""
    assert uniforms(row_keys([0]), np.array([0]))[0] == (0xE220A8397B1DCDAF >> 11) / 2**53


def test_any_integer_is_a_seed() -> None:
    assert len(set(row_keys([-1, 0, 1, 2**64 - 2, 2**63]).tolist())) == 5
    assert row_keys([-1]) == row_keys([2**64 - 1])
