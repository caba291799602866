"""Intervals of means and shares, against hand arithmetic, scipy and their own properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from subliminal.stats import BootstrapMethod, bootstrap_interval, t_interval, wilson_interval
from tests.stats_values import VALUE, limits

# Degenerate data must be handled, not left to warn from inside a library.
pytestmark = pytest.mark.filterwarnings("error")


class TestTInterval:
    def test_hand_arithmetic(self) -> None:
        # 1, 2, 3, 4: mean 2.5, variance 5/3, standard error sqrt(5/3/4) = 0.645497,
        # t(.975; 3 df) = 3.182446, half-width 2.054260.
        interval = t_interval([1, 2, 3, 4])
        assert interval.estimate == 2.5
        assert limits(interval) == pytest.approx((2.5 - 2.054260, 2.5 + 2.054260), abs=1e-5)

    @given(st.lists(VALUE, min_size=2, max_size=12, unique=True), st.floats(0.5, 0.999))
    def test_agrees_with_scipy(self, values: list[float], confidence: float) -> None:
        expected = stats.ttest_1samp(values, 0).confidence_interval(confidence)
        found = t_interval(values, confidence=confidence)
        assert limits(found) == pytest.approx((expected.low, expected.high), rel=1e-9, abs=1e-9)

    @given(st.lists(VALUE, min_size=2, max_size=12))
    def test_contains_its_estimate_and_widens_with_confidence(self, values: list[float]) -> None:
        narrow, wide = t_interval(values, confidence=0.8), t_interval(values, confidence=0.99)
        assert wide.low <= narrow.low <= narrow.estimate <= narrow.high <= wide.high

    def test_one_value_has_unknown_limits(self) -> None:
        interval = t_interval([0.4])
        assert interval.estimate == 0.4
        assert math.isnan(interval.low)
        assert math.isnan(interval.high)

    def test_equal_values_have_zero_width(self) -> None:
        interval = t_interval([0.1] * 7)
        assert interval.low == interval.estimate == interval.high

    def test_accepts_an_array(self) -> None:
        assert t_interval(np.array([1.0, 2.0])) == t_interval([1, 2])


class TestBootstrapInterval:
    def test_nears_the_normal_interval_of_a_large_sample(self) -> None:
        values = np.random.default_rng(1).normal(size=400)
        half_width = 1.959964 * values.std(ddof=1) / 20  # z(.975) * sd / sqrt(400)
        interval = bootstrap_interval(values)
        assert interval.high - interval.low == pytest.approx(2 * half_width, rel=0.05)
        assert interval.estimate == pytest.approx(values.mean())

    def test_bca_leans_towards_the_long_tail(self) -> None:
        interval = bootstrap_interval([0, 0, 0, 0, 1, 1, 2, 3, 9, 30])
        assert interval.high - interval.estimate > 1.5 * (interval.estimate - interval.low)

    def test_basic_is_percentile_mirrored_at_the_mean(self) -> None:
        values = [0.0, 1.0, 1.0, 2.0, 7.0]
        basic = bootstrap_interval(values, method="basic", resamples=500)
        percentile = bootstrap_interval(values, method="percentile", resamples=500)
        mean = 11 / 5
        assert limits(basic) == pytest.approx(
            (2 * mean - percentile.high, 2 * mean - percentile.low)
        )

    def test_seed_decides_the_resamples(self) -> None:
        values = list(np.random.default_rng(2).normal(size=9))
        first = bootstrap_interval(values, resamples=200, seed=3)
        assert first == bootstrap_interval(values, resamples=200, seed=3)
        assert first != bootstrap_interval(values, resamples=200, seed=4)

    @pytest.mark.parametrize("method", ["BCa", "percentile", "basic"])
    def test_degenerate_samples(self, method: BootstrapMethod) -> None:
        alone = bootstrap_interval([0.4], method=method)
        assert alone.estimate == 0.4
        assert math.isnan(alone.low)
        assert math.isnan(alone.high)
        equal = bootstrap_interval([0.1] * 5, method=method)
        assert equal.low == equal.estimate == equal.high

    def test_rejects_an_unknown_method(self) -> None:
        with pytest.raises(ValueError, match=r"method must be 'BCa'.* not 'bca'"):
            bootstrap_interval([1, 2], method="bca")  # type: ignore[arg-type]


class TestWilsonInterval:
    def test_hand_arithmetic(self) -> None:
        # 8 of 10, z = 1.959964, z^2 = 3.841459:
        # centre (.8 + z^2/20) / (1 + z^2/10) = .992073/1.384146 = .716740
        # half-width z sqrt(.8 * .2/10 + z^2/400) / 1.384146 = 1.959964 * .160011/1.384146 = .226577
        interval = wilson_interval(8, 10)
        assert interval.estimate == 0.8
        assert limits(interval) == pytest.approx((0.490163, 0.943317), abs=2e-6)

    def test_no_success_leaves_room_above(self) -> None:
        # 0 of n: high = z^2 / (n + z^2) = 3.841459/13.841459.
        assert limits(wilson_interval(0, 10)) == pytest.approx((0, 0.277533), abs=1e-6)

    def test_rounding_leaves_the_estimate_inside(self) -> None:
        # Unclipped, the lower limit for no success in a million is 4e-22.
        assert wilson_interval(0, 10**6).low == 0

    @given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
    def test_mirrors_failures_and_contains_its_estimate(self, counts: tuple[int, int]) -> None:
        successes, trials = counts
        found, mirrored = (
            wilson_interval(successes, trials),
            wilson_interval(trials - successes, trials),
        )
        assert 0 <= found.low <= found.estimate <= found.high <= 1
        assert found.low == pytest.approx(1 - mirrored.high, abs=1e-12)
