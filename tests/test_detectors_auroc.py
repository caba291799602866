"""AUROC and its intervals, against scikit-learn, closed forms, bootstrap and simulation."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from filters.detectors.auroc import (
    Scores,
    auroc,
    auroc_interval,
    auroc_variance,
    gap_variance,
    set_auroc,
)
from subliminal.stats import Interval

Z = 1.959963984540054

few_values = st.lists(st.integers(0, 4), min_size=1, max_size=12)


def scores_of(
    taught: np.ndarray, untaught: np.ndarray, groups: np.ndarray | None = None, factor: float = 1.0
) -> Scores:
    values = np.concatenate((taught, untaught)).astype(float)
    labels = np.arange(len(values)) < len(taught)
    return Scores(values, labels, np.arange(len(values)) if groups is None else groups, factor)


def covers(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


@given(few_values, few_values)
def test_auroc_counts_pairs_and_ties_half(taught: list[int], untaught: list[int]) -> None:
    scores = scores_of(np.array(taught), np.array(untaught))
    found = auroc(scores.values, scores.taught)
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in taught for b in untaught]
    assert found == pytest.approx(sum(pairs) / len(pairs))
    assert found == pytest.approx(roc_auc_score(scores.taught, scores.values))


@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=9),
    st.lists(st.integers(0, 4), min_size=2, max_size=9),
)
def test_the_variance_of_single_rows_is_delongs(taught: list[int], untaught: list[int]) -> None:
    # By its definition: each row's mean comparison, and the sample variances of these.
    compared = np.array([[(a > b) + 0.5 * (a == b) for b in untaught] for a in taught])
    expected = compared.mean(axis=1).var(ddof=1) / len(taught)
    expected += compared.mean(axis=0).var(ddof=1) / len(untaught)
    found = auroc_variance(scores_of(np.array(taught), np.array(untaught)))
    assert found == pytest.approx(expected, abs=1e-12)


def test_rows_that_repeat_their_group_add_nothing() -> None:
    rng = np.random.default_rng(0)
    taught, untaught = rng.normal(1, 1, 12), rng.normal(0, 1, 15)
    once = scores_of(taught, untaught)
    thrice = scores_of(np.repeat(taught, 3), np.repeat(untaught, 3), np.repeat(np.arange(27), 3))
    assert auroc_variance(thrice) == pytest.approx(auroc_variance(once))
    assert gap_variance(thrice) == pytest.approx(gap_variance(once))


def paired(rng: np.random.Generator, prompts: int) -> Scores:
    """Each prompt answered twice by either teacher; half of the variance is the prompt's."""
    groups = np.tile(np.repeat(np.arange(prompts), 2), 2)
    values = rng.normal(size=prompts)[groups] + rng.normal(size=groups.size)
    taught = np.arange(groups.size) < groups.size // 2
    return Scores(values + 0.5 * taught, taught, groups)


def bootstrap_variance(scores: Scores, statistic: Callable[[Scores], float]) -> float:
    rng = np.random.default_rng(1)
    places = np.argsort(scores.groups, kind="stable").reshape(scores.groups.max() + 1, -1)
    found = []
    for _ in range(1500):
        chosen = places[rng.integers(len(places), size=len(places))].ravel()
        found.append(statistic(Scores(scores.values[chosen], scores.taught[chosen], chosen)))
    return float(np.var(found))


@pytest.mark.parametrize(
    ("statistic", "variance"),
    [
        (lambda s: auroc(s.values, s.taught), auroc_variance),
        (lambda s: s.values[s.taught].mean() - s.values[~s.taught].mean(), gap_variance),
    ],
)
def test_the_variance_of_groups_is_that_of_a_bootstrap_over_groups(
    statistic: Callable[[Scores], float], variance: Callable[[Scores], float]
) -> None:
    scores = paired(np.random.default_rng(2), 100)
    # The error of a variance over 1500 resamples is sqrt(2 / 1500) = 3.7 %.
    expected = bootstrap_variance(scores, statistic)
    assert variance(scores) == pytest.approx(expected, rel=0.15)
    alone = Scores(scores.values, scores.taught, np.arange(scores.groups.size))
    assert variance(alone) > 1.3 * expected


@pytest.mark.parametrize("distance", [0.0, 1.5])
def test_coverage(distance: float) -> None:
    # The AUROC of two normal distributions of variance 1 is Phi(distance / sqrt(2)).
    rng, truth = np.random.default_rng(3), norm.cdf(distance / math.sqrt(2))
    found = [
        covers(auroc_interval(scores_of(rng.normal(distance, 1, 40), rng.normal(0, 1, 60))), truth)
        for _ in range(600)
    ]
    assert 0.925 <= np.mean(found) <= 0.98  # the standard error is .009


def test_coverage_with_groups() -> None:
    # Differences of taught and untaught scores are normal with mean .5 and variance 4.
    rng, truth = np.random.default_rng(4), norm.cdf(0.5 / 2)
    found = [covers(auroc_interval(paired(rng, 40)), truth) for _ in range(600)]
    assert 0.925 <= np.mean(found) <= 0.98


def test_limits_are_symmetric_in_log_odds() -> None:
    rng = np.random.default_rng(5)
    taught, untaught = rng.normal(1, 1, 20), rng.normal(0, 1, 20)
    found = auroc_interval(scores_of(taught, untaught))
    area, error = found.estimate, math.sqrt(auroc_variance(scores_of(taught, untaught)))
    assert logit(found.high) - logit(area) == pytest.approx(Z * error / (area * (1 - area)))
    assert logit(area) - logit(found.low) == pytest.approx(Z * error / (area * (1 - area)))
    wider = auroc_interval(scores_of(taught, untaught, factor=2.0))
    assert wider.estimate == area
    assert logit(wider.high) - logit(area) == pytest.approx(
        math.sqrt(2) * (logit(found.high) - logit(area))
    )
    narrower = auroc_interval(scores_of(taught, untaught), confidence=0.5)
    assert found.low < narrower.low < area


def test_limits_of_separated_sets_are_those_of_so_many_comparisons() -> None:
    # All of 5 comparisons have one outcome: the limit p has p^5 = .025.
    apart = scores_of(np.arange(10, 15), np.arange(8))
    found = auroc_interval(apart)
    assert (found.estimate, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.025 ** (1 / 5))
    reversed_ = auroc_interval(scores_of(np.arange(5), np.arange(10, 18)))
    assert (reversed_.estimate, reversed_.low) == (0.0, 0.0)
    assert reversed_.high == pytest.approx(1 - 0.025 ** (1 / 5))


def test_scores_that_are_all_alike_are_half_for_certain() -> None:
    assert auroc_interval(scores_of(np.zeros(5), np.zeros(6))) == Interval(0.5, 0.5, 0.5)


def test_the_variance_of_the_gap_is_welchs() -> None:
    rng = np.random.default_rng(6)
    taught, untaught = rng.normal(1, 2, 9), rng.normal(0, 1, 14)
    expected = taught.var(ddof=1) / 9 + untaught.var(ddof=1) / 14
    assert gap_variance(scores_of(taught, untaught)) == pytest.approx(expected)


@pytest.mark.parametrize("size", [1, 10, 100])
def test_sets_of_normal_scores(size: int) -> None:
    # Means of n scores differ by the gap g in units of sqrt(2 v / n): the AUROC is
    # Phi(g * sqrt(n / (v + w))), v and w the variances; likewise at the limits of the gap.
    rng = np.random.default_rng(7)
    taught, untaught = rng.normal(0.2, 1, 3000), rng.normal(0, 1, 3000)
    scores = scores_of(taught, untaught, factor=2.0)
    gap = taught.mean() - untaught.mean()
    unit = math.sqrt(size / (taught.var() + untaught.var()))
    reach = Z * math.sqrt(2 * (taught.var(ddof=1) + untaught.var(ddof=1)) / 3000)
    found = set_auroc(scores, size)
    expected = [norm.cdf((gap + shift) * unit) for shift in (0, -reach, reach)]
    # Four times the Monte Carlo error of 4000 sets of either kind.
    assert [found.estimate, found.low, found.high] == pytest.approx(expected, abs=0.026)


def test_more_confidence_in_a_set_is_a_wider_interval() -> None:
    rng = np.random.default_rng(8)
    scores = scores_of(rng.normal(0.1, 1, 300), rng.normal(0, 1, 300))
    half, most = (set_auroc(scores, 50, confidence=level) for level in (0.5, 0.95))
    assert half.estimate == most.estimate
    assert most.low < half.low < half.estimate < half.high < most.high


def test_sets_of_alike_teachers_cover_one_half() -> None:
    rng = np.random.default_rng(9)
    found = [
        covers(set_auroc(scores_of(rng.normal(size=100), rng.normal(size=100)), 20), 0.5)
        for _ in range(200)
    ]
    assert 0.9 <= np.mean(found) <= 0.99  # the standard error is .015


def test_one_group_has_no_interval() -> None:
    scores = scores_of(np.array([1, 2, 0]), np.array([1, 0]), np.array([0, 0, 0, 1, 2]))
    found = auroc_interval(scores)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_confidence_out_of_range_is_refused(confidence: float) -> None:
    scores = scores_of(np.arange(3), np.arange(3))
    with pytest.raises(ValueError, match="confidence"):
        auroc_interval(scores, confidence=confidence)
    with pytest.raises(ValueError, match="confidence"):
        set_auroc(scores, 2, confidence=confidence)
    with pytest.raises(ValueError, match="size"):
        set_auroc(scores, 0)
