"""Contrasts of two arms, against hand arithmetic and scipy."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from subliminal.stats import Contrast, Interval, paired_contrast, unpaired_contrast
from tests.stats_values import VALUE, limits

# Degenerate data must be handled, not left to warn from inside a library.
pytestmark = pytest.mark.filterwarnings("error")


def by_seed(values: list[float]) -> dict[int, float]:
    return dict(enumerate(values))


def contrast_of(*differences: float) -> Contrast:
    return paired_contrast(by_seed(list(differences)), by_seed([0.0] * len(differences)))


class TestPairedContrast:
    def test_hand_arithmetic(self) -> None:
        # Differences 1, 2, 3: mean 2, standard error 1/sqrt(3) = .577350, t = 3.464102, 2 df.
        # With 2 df the two-sided p is 1 - t / sqrt(t^2 + 2) = 1 - 3.464102/3.741657 = .074180,
        # and the interval 2 +- 4.302653 * .577350 = 2 +- 2.484138.
        contrast = paired_contrast({1: 3, 2: 5, 3: 8}, {1: 2, 2: 3, 3: 5})
        assert contrast.per_seed == {1: 1, 2: 2, 3: 3}
        assert contrast.n == 3
        assert contrast.p_value == pytest.approx(0.074180, abs=1e-6)
        assert contrast.difference.estimate == 2
        assert limits(contrast.difference) == pytest.approx((-0.484138, 4.484138), abs=1e-5)

    @given(st.lists(st.tuples(VALUE, VALUE), min_size=2, max_size=12), st.randoms())
    def test_pairs_by_seed_not_by_position(
        self, pairs: list[tuple[float, float]], order: random.Random
    ) -> None:
        treated, control = (by_seed(list(arm)) for arm in zip(*pairs, strict=True))
        shuffled = list(control.items())
        order.shuffle(shuffled)
        assert paired_contrast(treated, dict(shuffled)) == paired_contrast(treated, control)

    def test_reversed_insertion_order_keeps_the_pairs(self) -> None:
        # Paired by position the differences would be 4, 2, -0: by seed they are all 1.
        contrast = paired_contrast({1: 2, 2: 3, 3: 4}, {3: 3, 2: 2, 1: 1})
        assert contrast.difference == Interval(1, 1, 1)

    def test_leaves_out_seeds_of_one_arm(self) -> None:
        contrast = paired_contrast({1: 1, 2: 4, 9: 100}, {2: 1, 1: 0, 7: -100})
        assert contrast.per_seed == {1: 1, 2: 3}
        assert contrast.n == 2

    def test_agrees_with_scipy(self) -> None:
        treated, control = np.random.default_rng(5).normal(size=(2, 9))
        found = paired_contrast(by_seed(list(treated)), by_seed(list(control)), confidence=0.9)
        expected = stats.ttest_rel(treated, control)
        assert found.p_value == pytest.approx(expected.pvalue)
        assert limits(found.difference) == pytest.approx(expected.confidence_interval(0.9))

    def test_one_pair_is_unknown(self) -> None:
        contrast = paired_contrast({4: 0.9}, {4: 0.2, 5: 0.3})
        assert contrast.n == 1
        assert math.isnan(contrast.p_value)
        assert math.isnan(contrast.difference.low)

    def test_equal_differences_take_the_limit_of_p(self) -> None:
        assert contrast_of(0.5, 0.5, 0.5).p_value == 0
        assert contrast_of(0, 0, 0).p_value == 1

    def test_rounding_is_no_effect(self) -> None:
        # 0.1 + 0.2 exceeds 0.3 by 5.6e-17 for each seed.
        contrast = paired_contrast(by_seed([0.1 + 0.2] * 4), by_seed([0.3] * 4))
        assert contrast.difference == Interval(0, 0, 0)
        assert contrast.p_value == 1

    def test_no_common_seed(self) -> None:
        with pytest.raises(ValueError, match="no seed in common"):
            paired_contrast({1: 0.0}, {2: 0.0})


class TestUnpairedContrast:
    def test_hand_arithmetic(self) -> None:
        # 1, 2, 3 (variance 1) against 2, 6 (variance 8): difference -2,
        # squared standard errors 1/3 and 4, se = sqrt(13/3) = 2.081666, t = -.960769,
        # Welch df = (13/3)^2 / ((1/3)^2/2 + 4^2/1) = 18.777778/16.055556 = 1.169550.
        contrast = unpaired_contrast([1, 2, 3], [2, 6])
        p_value = 2 * stats.t.sf(0.960769, 1.169550)
        half_width = stats.t.ppf(0.975, 1.169550) * 2.081666
        assert contrast.difference.estimate == -2
        assert contrast.p_value == pytest.approx(p_value, abs=1e-5)
        assert limits(contrast.difference) == pytest.approx(
            (-2 - half_width, -2 + half_width), rel=1e-4
        )
        assert contrast.n == 2
        assert contrast.per_seed == {}

    def test_agrees_with_scipy_and_flips_with_its_arms(self) -> None:
        rng = np.random.default_rng(6)
        first, second = rng.normal(size=8), rng.normal(1, 3, size=5)
        found, flipped = unpaired_contrast(first, second), unpaired_contrast(second, first)
        expected = stats.ttest_ind(first, second, equal_var=False)
        assert found.p_value == pytest.approx(expected.pvalue)
        assert limits(found.difference) == pytest.approx(expected.confidence_interval(0.95))
        assert flipped.p_value == pytest.approx(found.p_value)
        assert flipped.difference.low == pytest.approx(-found.difference.high)

    def test_one_constant_arm_leaves_a_one_sample_test(self) -> None:
        # Without variance in one arm, Welch's df are those of the other: a one-sample t-test.
        found = unpaired_contrast([1, 2, 4], [0.5, 0.5, 0.5])
        assert found.p_value == pytest.approx(stats.ttest_1samp([1, 2, 4], 0.5).pvalue)

    def test_degenerate_arms(self) -> None:
        alone = unpaired_contrast([1.0], [0.0, 1.0])
        assert alone.difference.estimate == 0.5
        assert math.isnan(alone.p_value)
        assert math.isnan(alone.difference.high)
        assert unpaired_contrast([1, 1], [0, 0]).p_value == 0
        assert unpaired_contrast([0.1 + 0.2] * 3, [0.3] * 3).p_value == 1
