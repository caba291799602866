"""Students with another initialisation: whose they get."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from students import other_model

SEEDS = st.integers(0, 2**31 - 1)


@given(SEEDS)
def test_nobody_gets_their_own(seed: int) -> None:
    assert other_model(seed) != seed


@given(st.sets(SEEDS, max_size=50))
def test_no_two_get_the_same(seeds: set[int]) -> None:
    assert len({other_model(seed) for seed in seeds}) == len(seeds)


@given(st.integers(1, 500))
def test_the_first_seeds_permute_among_themselves(pairs: int) -> None:
    seeds = range(2 * pairs)
    assert sorted(map(other_model, seeds)) == list(seeds)


def test_pairs_are_written_down() -> None:
    # Other pairs would be another experiment under the same stage keys.
    assert [other_model(seed) for seed in (0, 1, 2, 3, 10, 11)] == [1, 0, 3, 2, 11, 10]
