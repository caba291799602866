"""Permutation and equivalence tests and corrections, against hand arithmetic and scipy."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from subliminal.stats import benjamini_hochberg, equivalence_test, holm, permutation_test
from tests.stats_values import VALUE, limits

# Degenerate data must be handled, not left to warn from inside a library.
pytestmark = pytest.mark.filterwarnings("error")

NAN = math.nan
P_VALUE = st.floats(0, 1)


class TestPermutationTest:
    def test_exact_sign_flips(self) -> None:
        # Differences 1, 2, 3: of 8 sign patterns only +++ and --- reach |sum| = 6.
        assert permutation_test([3, 5, 8], [2, 3, 5]) == 2 / 8

    def test_exact_label_shuffles(self) -> None:
        # C(6, 3) = 20 labellings; the observed one and its mirror image are the most extreme.
        assert permutation_test([4, 5, 6], [1, 2, 3], paired=False) == 2 / 20

    def test_exact_tie(self) -> None:
        # Differences 1, 1, -1, sum 1: 7 of 8 sums are <= 3 - 0 and 4 of 8 are >= 1: 2 * 4/8 = 1.
        assert permutation_test([1, 1, -1], [0, 0, 0]) == 1

    @pytest.mark.parametrize("paired", [True, False])
    def test_drawn_permutations_never_give_zero(self, paired: bool) -> None:
        # No drawn permutation is as extreme as the observed one: 2 * (0 + 1) / (300 + 1).
        treated = [float(1000 + k) for k in range(40)]
        p_value = permutation_test(treated, [0.0] * 40, paired=paired, permutations=300)
        assert p_value == pytest.approx(2 / 301)

    def test_drawn_permutations_near_the_exact_value(self) -> None:
        treated, control = np.random.default_rng(8).normal([[0.6], [0.0]], size=(2, 12))
        exact = permutation_test(treated, control, permutations=2**12)
        drawn = permutation_test(treated, control, permutations=2**12 - 1)
        # Standard error of a drawn p: 2 sqrt(p/2 (1 - p/2) / 4095) < .016; three of them.
        assert exact != drawn
        assert drawn == pytest.approx(exact, abs=0.05)

    def test_seed_decides_the_draws(self) -> None:
        treated, control = np.random.default_rng(9).normal(size=(2, 30))
        found = {permutation_test(treated, control, permutations=99, seed=k) for k in range(6)}
        assert len(found) > 1
        assert permutation_test(treated, control, permutations=99) in found

    @given(st.lists(st.tuples(VALUE, VALUE), min_size=2, max_size=6))
    def test_exact_p_is_a_share_and_symmetric_in_the_arms(
        self, pairs: list[tuple[float, float]]
    ) -> None:
        treated, control = (list(arm) for arm in zip(*pairs, strict=True))
        for paired, count in (
            (True, 2 ** len(pairs)),
            (False, math.comb(2 * len(pairs), len(pairs))),
        ):
            p_value = permutation_test(treated, control, paired=paired)
            assert 1 / count <= p_value <= 1
            assert p_value * count == pytest.approx(round(p_value * count))
            assert p_value == pytest.approx(permutation_test(control, treated, paired=paired))

    @given(st.permutations(range(5)))
    def test_unpaired_ignores_the_order(self, order: list[int]) -> None:
        treated, control = [0.3, 1.1, 2.5, -0.2, 4.0], [0.0, 1.0, -2.0, 0.5, 0.25]
        shuffled = [control[k] for k in order]
        assert permutation_test(treated, shuffled, paired=False) == pytest.approx(
            permutation_test(treated, control, paired=False)
        )

    def test_mappings_pair_by_seed(self) -> None:
        treated = {seed: 10.0 * seed + 1 for seed in range(6)}
        control = {seed: 10.0 * seed for seed in reversed(range(6))}
        # All six differences are 1 by seed: 2 of 2^6 patterns reach their sum.
        assert permutation_test(treated, control) == 2 / 64
        assert permutation_test(list(treated.values()), list(control.values())) > 0.5

    def test_pairing_removes_the_spread_between_seeds(self) -> None:
        treated = [10.0 * seed + 1 + seed / 10 for seed in range(6)]
        control = [10.0 * seed for seed in range(6)]
        assert permutation_test(treated, control) < 0.05
        assert permutation_test(treated, control, paired=False) > 0.5

    def test_one_value_is_unknown(self) -> None:
        assert math.isnan(permutation_test([1.0], [0.0]))
        assert math.isnan(permutation_test([1.0], [0.0, 2.0], paired=False))

    def test_rejects_arms_that_do_not_pair(self) -> None:
        with pytest.raises(ValueError, match="equally long, not 2 and 3"):
            permutation_test([1, 2], [1, 2, 3])
        with pytest.raises(ValueError, match="both be mappings"):
            permutation_test({1: 1.0, 2: 2.0}, [1, 2])


class TestEquivalence:
    def test_hand_arithmetic(self) -> None:
        # -1, 0, 1: se = .577350, so t = 2/.577350 = 3.464102 towards each bound; with 2 df
        # p = (1 - t/sqrt(t^2 + 2))/2 = .037090. The 90 % limits are +-2.919986 * .577350.
        result = equivalence_test([-1, 0, 1], 2)
        assert result.p_value == pytest.approx(0.037090, abs=1e-6)
        assert result.equivalent
        assert limits(result.interval90) == pytest.approx((-1.685855, 1.685855), abs=1e-5)

    def test_nearer_bound_decides(self) -> None:
        # 0, 1, 2 against +-2: the upper bound is 1 away, t = 1.732051,
        # p = (1 - 1.732051/sqrt(5))/2 = .112702.
        result = equivalence_test([0, 1, 2], 2)
        assert result.p_value == pytest.approx(0.112702, abs=1e-6)
        assert not result.equivalent

    def test_alpha_is_the_level(self) -> None:
        assert not equivalence_test([-1, 0, 1], 2, alpha=0.03).equivalent

    @given(st.lists(VALUE, min_size=2, max_size=10), VALUE.filter(lambda v: v > 0))
    def test_equivalent_exactly_if_the_interval_lies_within(
        self, values: list[float], bound: float
    ) -> None:
        result = equivalence_test(values, bound)
        reach = max(-result.interval90.low, result.interval90.high)
        if not math.isclose(reach, bound, rel_tol=1e-9):
            assert result.equivalent == (reach < bound)

    def test_degenerate_differences(self) -> None:
        assert equivalence_test([0.1] * 4, 0.2).p_value == 0
        assert equivalence_test([0.2] * 4, 0.2).p_value == 1
        assert equivalence_test([-0.3] * 4, 0.2).p_value == 1
        alone = equivalence_test([0.0], 0.2)
        assert math.isnan(alone.p_value)
        assert not alone.equivalent


class TestCorrections:
    RAW = (0.01, 0.04, 0.03, 0.005)

    def test_holm_hand_arithmetic(self) -> None:
        # Ascending: .005 * 4 = .02, .01 * 3 = .03, .03 * 2 = .06, max(.04 * 1, .06) = .06.
        assert holm(self.RAW) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    def test_benjamini_hochberg_hand_arithmetic(self) -> None:
        # Ascending times 4/rank: .02, .02, .04, .04; each at most its successor.
        assert benjamini_hochberg(self.RAW) == pytest.approx([0.02, 0.04, 0.04, 0.02])

    @pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
    def test_untested_is_passed_through_and_not_counted(
        self, correct: Callable[[list[float]], list[float]]
    ) -> None:
        first, untested, second = correct([0.01, NAN, 0.04])
        assert [first, second] == pytest.approx(correct([0.01, 0.04]))
        assert math.isnan(untested)
        assert math.isnan(correct([NAN])[0])
        assert correct([]) == []

    # Few examples, as statsmodels collects garbage on each call of Holm's method.
    @settings(max_examples=40)
    @given(st.lists(P_VALUE, min_size=1, max_size=15))
    def test_holm_is_stricter_and_both_keep_the_order(self, raw: list[float]) -> None:
        strict, lenient = holm(raw), benjamini_hochberg(raw)
        order = np.argsort(raw, kind="stable")
        for adjusted in (strict, lenient):
            assert np.all(np.diff(np.array(adjusted)[order]) >= -1e-12)
            assert max(adjusted) <= 1
        for p, bh, h in zip(raw, lenient, strict, strict=True):
            assert p <= bh + 1e-12
            assert bh <= h + 1e-12

    @given(st.lists(P_VALUE, min_size=1, max_size=15))
    def test_benjamini_hochberg_agrees_with_scipy(self, raw: list[float]) -> None:
        assert benjamini_hochberg(raw) == pytest.approx(list(stats.false_discovery_control(raw)))

    @pytest.mark.parametrize("bad", [-0.1, 1.1])
    def test_names_a_bad_p_value(self, bad: float) -> None:
        with pytest.raises(ValueError, match=r"p_values\[1\] must be a p-value"):
            holm([0.5, bad])
