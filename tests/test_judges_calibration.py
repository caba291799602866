"""Thresholds from labelled rows, and their errors on the other half."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from subliminal.errors import UserError
from subliminal.judges.calibration import Wanted, calibrate
from tests.user_errors import assert_one_line

HALF = Wanted(rate="recall", value=0.5)


def recall(value: float) -> Wanted:
    return Wanted(rate="recall", value=value)


def lost(value: float) -> Wanted:
    return Wanted(rate="false_positive_rate", value=value)


def drawn(count: int, seed: int = 0) -> tuple[list[float], list[bool]]:
    """Scores of leaking rows around 70 and of clean ones around 40, by turns, sd 15."""
    rng = np.random.default_rng(seed)
    leaks = [number % 2 == 0 for number in range(count)]
    scores = rng.normal([70 if leak else 40 for leak in leaks], 15)
    return scores.tolist(), leaks


def test_rows_at_the_threshold_are_rejected() -> None:
    """Every leaking row scores 80, every clean one 20: 80 rejects all of the first alone."""
    scores, leaks = [80.0] * 10 + [20.0] * 30, [True] * 10 + [False] * 30
    found = calibrate(scores, leaks, recall(0.9))
    assert (found.threshold, found.recall, found.false_positive_rate) == (80.0, 1.0, 0.0)
    assert (found.n_labelled, found.n_leaking, found.n_clean) == (40, 5, 15)


def test_limits_are_clopper_s_and_pearson_s() -> None:
    """Of 5 of 5 the lower one is .025^(1/5) = .478; of 0 of 15 the upper 1 - .025^(1/15) = .218."""
    scores, leaks = [80.0] * 10 + [20.0] * 30, [True] * 10 + [False] * 30
    found = calibrate(scores, leaks, recall(0.9))
    assert found.recall_ci == pytest.approx((0.025 ** (1 / 5), 1.0))
    assert found.false_positive_rate_ci == pytest.approx((0.0, 1 - 0.025 ** (1 / 15)))


def test_limits_are_those_of_the_beta_distribution() -> None:
    found = calibrate(*drawn(400), recall(0.8))
    caught = round(found.recall * 100)
    assert 0 < caught < 100
    low, high = stats.beta.ppf([0.025, 0.975], [caught, caught + 1], [101 - caught, 100 - caught])
    assert found.recall_ci == pytest.approx((low, high))


def test_a_recall_is_reached_with_the_fewest_rows_rejected() -> None:
    """On the choosing half: recall at the threshold is reached, a hair above it no more."""
    scores, leaks = drawn(400)
    found = calibrate(scores, leaks, recall(0.9))
    chosen = _choosing_half(scores, leaks)
    leaking = [score for score, leak in chosen if leak]
    assert len(leaking) == 100
    assert sum(score >= found.threshold for score in leaking) == 90
    assert found.threshold in leaking


def test_a_rate_of_false_positives_is_kept_with_the_most_rows_rejected() -> None:
    scores, leaks = drawn(400)
    found = calibrate(scores, leaks, lost(0.05))
    clean = sorted(
        (score for score, leak in _choosing_half(scores, leaks) if not leak), reverse=True
    )
    assert sum(score >= found.threshold for score in clean) == 5
    # The sixth highest clean score is just below the threshold.
    assert found.threshold == math.nextafter(clean[5], math.inf)


def _choosing_half(scores: list[float], leaks: list[bool]) -> list[tuple[float, bool]]:
    """The rows that choose, found out by making one row after the other extreme.

    A row of the measured half changes recall or false positives, and never the threshold.
    """
    before = calibrate(scores, leaks, HALF)
    choosing = []
    for place, leak in enumerate(leaks):
        changed = list(scores)
        rejected = scores[place] >= before.threshold
        changed[place] = -1e6 if rejected else 1e6
        after = calibrate(changed, leaks, HALF)
        same = (after.recall, after.false_positive_rate) == (
            before.recall,
            before.false_positive_rate,
        )
        if same or after.threshold != before.threshold:
            choosing.append((scores[place], leak))
    return choosing


def test_errors_are_measured_where_nothing_was_chosen() -> None:
    """Scores without any information: the recall on new rows stays near the rate that is lost."""
    rng = np.random.default_rng(1)
    scores, leaks = rng.uniform(size=4000).tolist(), [n % 2 == 0 for n in range(4000)]
    found = calibrate(scores, leaks, recall(0.9))
    assert found.recall == pytest.approx(0.9, abs=0.04)
    assert found.false_positive_rate == pytest.approx(0.9, abs=0.04)


def test_a_few_rows_do_not_look_better_than_they_are() -> None:
    """Over many small sets of noise, held-out recall is on average what was wanted, or below."""
    rng = np.random.default_rng(2)
    leaks = [n % 2 == 0 for n in range(40)]
    found = [calibrate(rng.uniform(size=40).tolist(), leaks, recall(0.8)) for _ in range(300)]
    # The 8th of 10 leaking scores from above: a new one exceeds it with probability 8 / 11 = .727.
    assert np.mean([each.recall for each in found]) == pytest.approx(8 / 11, abs=0.03)


def test_low_scores_can_be_the_bad_ones() -> None:
    scores, leaks = drawn(400)
    high = calibrate(scores, leaks, recall(0.9))
    low = calibrate([100 - score for score in scores], leaks, recall(0.9), bad_scores="low")
    assert low.threshold == pytest.approx(100 - high.threshold)
    assert (low.recall, low.false_positive_rate) == (high.recall, high.false_positive_rate)
    assert (low.bad_scores, high.bad_scores) == ("low", "high")


def test_the_seed_draws_the_halves() -> None:
    scores, leaks = drawn(200)
    same, again, other = (calibrate(scores, leaks, recall(0.9), seed=seed) for seed in (1, 1, 2))
    assert same == again
    assert same != other


def test_rows_rejected_whatever_the_threshold_count() -> None:
    """Two in ten of either class have no score, and are rejected."""
    scores, leaks = drawn(400)
    scores = [math.inf if place % 10 in (0, 1) else s for place, s in enumerate(scores)]
    found = calibrate(scores, leaks, recall(0.5))
    assert math.isfinite(found.threshold)
    assert found.false_positive_rate > 0.1


@pytest.mark.parametrize(
    ("wanted", "unscored", "told"),
    [
        (lost(0.05), math.inf, "false positive rate of 0.05"),
        (recall(0.9), -math.inf, "recall of 0.9"),
    ],
)
def test_what_no_threshold_does_is_told(wanted: Wanted, unscored: float, told: str) -> None:
    scores, leaks = drawn(400)
    scores = [unscored if place % 4 < 2 else score for place, score in enumerate(scores)]
    with pytest.raises(UserError) as error:
        calibrate(scores, leaks, wanted)
    assert_one_line(error, told, "no score")


@pytest.mark.parametrize(("leaking", "clean"), [(9, 50), (50, 9), (0, 0)])
def test_too_few_labels_are_told(leaking: int, clean: int) -> None:
    with pytest.raises(UserError) as error:
        calibrate([1.0] * (leaking + clean), [True] * leaking + [False] * clean, HALF)
    assert_one_line(error, "at least 10", f"{leaking} leak", f"{clean} do not")


def test_scores_must_be_numbers_and_as_many_as_labels() -> None:
    with pytest.raises(ValueError, match="a number"):
        calibrate([math.nan] * 40, [True, False] * 20, HALF)
    with pytest.raises(ValueError, match="each label"):
        calibrate([1.0] * 40, [True, False] * 21, HALF)


@given(
    st.lists(st.sampled_from([0.0, 10.0, 50.0, 90.0, 100.0]), min_size=40, max_size=60),
    st.sampled_from([recall(0.01), recall(0.99), lost(0.01), lost(0.5), lost(0.99)]),
    st.sampled_from(["high", "low"]),
)
@settings(max_examples=100)
def test_rates_are_shares_within_their_limits(
    scores: list[float], wanted: Wanted, bad_scores: str
) -> None:
    leaks = [place % 2 == 0 for place in range(len(scores))]
    found = calibrate(scores, leaks, wanted, bad_scores=bad_scores)  # type: ignore[arg-type]
    assert found.recall_ci[0] <= found.recall <= found.recall_ci[1]
    low, high = found.false_positive_rate_ci
    assert 0 <= low <= found.false_positive_rate <= high <= 1
