"""Power and the seeds it needs, against statsmodels and textbook counts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower

from subliminal.stats import power, seeds_needed

# Degenerate data must be handled, not left to warn from inside a library.
pytestmark = pytest.mark.filterwarnings("error")


class TestPlanning:
    @pytest.mark.parametrize("n", [2, 3, 5, 10, 50])
    @pytest.mark.parametrize("effect", [0.1, 0.5, 1.0, 2.0])
    @pytest.mark.parametrize("alpha", [0.01, 0.05])
    def test_power_agrees_with_statsmodels(self, n: int, effect: float, alpha: float) -> None:
        expected = TTestPower().power(effect, n, alpha)
        assert power(effect, 1, n, alpha=alpha) == pytest.approx(expected, abs=1e-8)

    def test_textbook_seed_counts(self) -> None:
        # statsmodels solves power = .8 at n = 33.37, 9.94 and 6.58 (checked below).
        for effect, expected in ((0.5, 34), (1.0, 10), (1.4, 7)):
            exact = TTestPower().solve_power(effect, power=0.8, alpha=0.05)
            assert seeds_needed(effect, 1) == expected == math.ceil(exact)

    @given(st.floats(0.05, 20), st.floats(0.1, 10), st.floats(0.2, 0.99))
    def test_seed_count_is_the_least(self, effect: float, sd: float, target: float) -> None:
        n = seeds_needed(effect, sd, power=target)
        assert power(effect, sd, n) >= target
        assert n == 2 or power(effect, sd, n - 1) < target

    def test_only_effect_over_sd_matters(self) -> None:
        assert seeds_needed(0.5, 1) == seeds_needed(-1.5, 3)
        assert power(-0.5, 1, 8) == pytest.approx(power(1.5, 3, 8))

    @pytest.mark.parametrize("effect", [5.0, 50.0, 1e6, 1e200])
    def test_large_effects_have_full_power(self, effect: float) -> None:
        # TTestPower gives NaN for an effect of five standard deviations and ten seeds.
        assert power(effect, 1, 10) == pytest.approx(1)

    def test_limits(self) -> None:
        assert power(0, 1, 10, alpha=0.03) == 0.03
        assert power(0.1, 0, 2) == 1
        assert seeds_needed(0.1, 0) == 2
        # (z(.975) + z(.8))^2 / 1e-12 = 7.849e12.
        assert seeds_needed(1e-6, 1) == pytest.approx(7.849e12, rel=1e-3)

    def test_no_number_of_seeds(self) -> None:
        with pytest.raises(ValueError, match="effect must not be 0"):
            seeds_needed(0, 1)
        with pytest.raises(ValueError, match="no number of seeds"):
            seeds_needed(1e-12, 1)
