"""Statistics over seeds, against hand arithmetic, scipy, statsmodels and their own properties."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestPower

from subliminal.stats import (
    BootstrapMethod,
    Contrast,
    Interval,
    benjamini_hochberg,
    bootstrap_interval,
    equivalence_test,
    holm,
    log_odds,
    paired_contrast,
    permutation_test,
    power,
    seeds_needed,
    share_of_shift,
    t_interval,
    unpaired_contrast,
    wilson_interval,
)

# Degenerate data must be handled, not left to warn from inside a library.
pytestmark = pytest.mark.filterwarnings("error")

NAN = math.nan
# Multiples of 1/64 keep sums exact, so that properties hold without tolerances for rounding.
VALUE = st.integers(-6400, 6400).map(lambda k: k / 64)
P_VALUE = st.floats(0, 1)


def by_seed(values: list[float]) -> dict[int, float]:
    return dict(enumerate(values))


def contrast_of(*differences: float) -> Contrast:
    return paired_contrast(by_seed(list(differences)), by_seed([0.0] * len(differences)))


def limits(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high


class TestTInterval:
    def test_hand_arithmetic(self) -> None:
        # 1, 2, 3, 4: mean 2.5, variance 5/3, standard error sqrt(5/3/4) = 0.645497,
        # t(.975; 3 df) = 3.182446, half-width 2.054260.
        interval = t_interval([1, 2, 3, 4])
        assert interval.estimate == 2.5
        assert limits(interval) == pytest.approx((2.5 - 2.054260, 2.5 + 2.054260), abs=1e-5)

    @settings(deadline=None)
    @given(st.lists(VALUE, min_size=2, max_size=12, unique=True), st.floats(0.5, 0.999))
    def test_agrees_with_scipy(self, values: list[float], confidence: float) -> None:
        expected = stats.ttest_1samp(values, 0).confidence_interval(confidence)
        found = t_interval(values, confidence=confidence)
        assert limits(found) == pytest.approx((expected.low, expected.high), rel=1e-9, abs=1e-9)

    @settings(deadline=None)
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

    @settings(deadline=None)
    @given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
    def test_mirrors_failures_and_contains_its_estimate(self, counts: tuple[int, int]) -> None:
        successes, trials = counts
        found, mirrored = (
            wilson_interval(successes, trials),
            wilson_interval(trials - successes, trials),
        )
        assert 0 <= found.low <= found.estimate <= found.high <= 1
        assert found.low == pytest.approx(1 - mirrored.high, abs=1e-12)


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

    @settings(deadline=None)
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

    @settings(deadline=None)
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

    @settings(deadline=None)
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

    @settings(deadline=None)
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
    @settings(max_examples=40, deadline=None)
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

    @settings(deadline=None)
    @given(st.lists(P_VALUE, min_size=1, max_size=15))
    def test_benjamini_hochberg_agrees_with_scipy(self, raw: list[float]) -> None:
        assert benjamini_hochberg(raw) == pytest.approx(list(stats.false_discovery_control(raw)))

    @pytest.mark.parametrize("bad", [-0.1, 1.1])
    def test_names_a_bad_p_value(self, bad: float) -> None:
        with pytest.raises(ValueError, match=r"p_values\[1\] must be a p-value"):
            holm([0.5, bad])


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

    @settings(deadline=None)
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


class TestScales:
    def test_log_odds_values(self) -> None:
        assert log_odds(0.5) == 0
        assert log_odds(0.75) == pytest.approx(math.log(3))
        # Clipped at epsilon: log(1e-6 / (1 - 1e-6)) = -13.815510 + .000001.
        assert log_odds(0) == pytest.approx(-13.815510, abs=2e-6)
        assert log_odds(1) == pytest.approx(13.815510, abs=2e-6)
        assert log_odds(0, epsilon=0.1) == pytest.approx(-math.log(9))

    @settings(deadline=None)
    @given(st.floats(0, 1), st.floats(0, 1))
    def test_log_odds_are_odd_about_half_and_monotone(self, p: float, q: float) -> None:
        assert log_odds(p) == pytest.approx(-log_odds(1 - p), abs=1e-8)
        if p <= q:
            assert log_odds(p) <= log_odds(q)

    @pytest.mark.parametrize(
        ("student", "share"), [(1.0, 0.0), (3.0, 0.5), (5.0, 1.0), (0.0, -0.25), (6.0, 1.25)]
    )
    def test_share_of_shift(self, student: float, share: float) -> None:
        # Reference 1, teacher 5: the teacher moved by 4.
        assert share_of_shift(student, 1, 5) == share

    def test_share_of_a_downward_shift(self) -> None:
        assert share_of_shift(3, 5, 1) == 0.5

    def test_no_share_of_a_teacher_that_did_not_move(self) -> None:
        assert math.isnan(share_of_shift(3, 1, 1))
        assert math.isnan(share_of_shift(3, 1, 1 + 1e-9))
        assert math.isnan(share_of_shift(3, 1, 1.5, tolerance=1))
        assert math.isnan(share_of_shift(3, 1, 1, tolerance=0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: t_interval([]), "values must hold at least one value"),
        (lambda: t_interval([1, NAN]), r"values\[1\] must be a finite number, not nan"),
        (lambda: t_interval(np.ones((2, 2))), r"one-dimensional, not of shape \(2, 2\)"),
        (lambda: t_interval([1, 2], confidence=95), "confidence must lie between 0 and 1, not 95"),
        (lambda: t_interval([1], confidence=0), "confidence must lie between 0 and 1"),
        (lambda: bootstrap_interval([]), "values must hold at least one value"),
        (lambda: bootstrap_interval([math.inf, 1]), r"values\[0\] must be a finite number"),
        (lambda: bootstrap_interval([1, 2], confidence=1), "confidence must lie between"),
        (lambda: bootstrap_interval([1, 2], resamples=0), "resamples must be a whole number"),
        (lambda: wilson_interval(0, 0), "trials must be a whole number of at least 1, not 0"),
        (lambda: wilson_interval(-1, 5), "successes must be a whole number of at least 0"),
        (lambda: wilson_interval(6, 5), "successes must not exceed trials, but 6 > 5"),
        (
            lambda: wilson_interval(0.5, 5),  # type: ignore[arg-type]
            "successes must be a whole number",
        ),
        (lambda: wilson_interval(1, 5, confidence=2), "confidence must lie between"),
        (lambda: paired_contrast({}, {}), "no seed in common"),
        (lambda: paired_contrast({1: 1, 7: NAN}, {1: 1}), r"treated\[7\] must be a finite"),
        (lambda: paired_contrast({1: 1}, {1: -math.inf}), r"control\[1\] must be a finite"),
        (lambda: paired_contrast({1: 1}, {1: 1}, confidence=0), "confidence must lie between"),
        (lambda: unpaired_contrast([], [1]), "treated must hold at least one value"),
        (lambda: unpaired_contrast([1], [NAN]), r"control\[0\] must be a finite number"),
        (lambda: unpaired_contrast([1], [1], confidence=0), "confidence must lie between"),
        (lambda: permutation_test([1, 2], [1, NAN]), r"control\[1\] must be a finite number"),
        (lambda: permutation_test([], [1], paired=False), "treated must hold at least one value"),
        (lambda: permutation_test([1, 2], [1, 2], permutations=0), "permutations must be a whole"),
        (lambda: equivalence_test([], 1), "differences must hold at least one value"),
        (lambda: equivalence_test([NAN], 1), r"differences\[0\] must be a finite number"),
        (lambda: equivalence_test([1, 2], 0), "bound must be a positive number, not 0"),
        (lambda: equivalence_test([1, 2], 1, alpha=0), "alpha must lie between 0 and 1"),
        (lambda: seeds_needed(NAN, 1), "effect must be a finite number"),
        (lambda: seeds_needed(1, -1), "sd must not be negative, not -1"),
        (lambda: seeds_needed(1, 1, power=1), "power must lie between 0 and 1"),
        (lambda: power(1, math.inf, 5), "sd must be a finite number"),
        (lambda: power(1, 1, 1), "n must be a whole number of at least 2, not 1"),
        (lambda: power(1, 1, 5, alpha=5), "alpha must lie between 0 and 1"),
        (lambda: log_odds(NAN), "p must be a probability between 0 and 1, not nan"),
        (lambda: log_odds(1.1), "p must be a probability"),
        (lambda: log_odds(0.5, epsilon=0.5), "epsilon must lie between 0 and 0.5"),
        (lambda: share_of_shift(NAN, 0, 1), "student must be a finite number"),
        (lambda: share_of_shift(0, NAN, 1), "reference must be a finite number"),
        (lambda: share_of_shift(0, 0, NAN), "teacher must be a finite number"),
        (lambda: share_of_shift(0, 0, 1, tolerance=-1), "tolerance must not be negative"),
    ],
)
def test_bad_arguments_are_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
