"""A judge's threshold from labelled rows, with its errors on rows that did not choose it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from subliminal.errors import UserError
from subliminal.judges.verdict import End
from subliminal.results import Record
from subliminal.seeds import derive_seed

LEAST_PER_CLASS = 10
"""Labelled rows of each class without which nothing can be said of errors."""
Share = Annotated[float, Field(gt=0, lt=1)]
_Array: TypeAlias = NDArray[np.float64]


class Wanted(BaseModel):
    """What a threshold is chosen for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate: Literal["recall", "false_positive_rate"]
    value: Share
    """At least this recall, or at most this rate of false positives, on the choosing half."""


class Calibration(Record):
    """A threshold, and its errors on the half of the labelled rows that did not choose it."""

    threshold: float
    """Rows are rejected whose score is this or lies further towards the bad end."""
    bad_scores: End
    wanted: Wanted
    recall: float
    """Share of the leaking rows that are rejected."""
    recall_ci: tuple[float, float]
    """Exact limits (Clopper and Pearson 1934) at 95 %, over rows."""
    false_positive_rate: float
    """Share of the clean rows that are rejected."""
    false_positive_rate_ci: tuple[float, float]
    n_labelled: int
    """Rows of both halves."""
    n_leaking: int
    """Leaking rows of the half that errors are measured on."""
    n_clean: int


def calibrate(
    scores: Sequence[float],
    leaks: Sequence[bool],
    wanted: Wanted,
    *,
    bad_scores: End = "high",
    seed: int = 0,
) -> Calibration:
    """Choose a threshold on one half of labelled rows and measure its errors on the other.

    Args:
        scores: Of the rows. Infinity towards the bad end stands for a row that is rejected whatever
            the threshold, and towards the good end for one that is kept.
        leaks: Whether each row leaks, by its label.
        wanted: Of the thresholds that reach a recall, the one that rejects fewest rows is taken; of
            those that keep a rate of false positives, the one that rejects most.
        bad_scores: Which end of the scale is the bad one.
        seed: Of the halves, each of which has half of either class.

    Raises:
        UserError: Too few labelled rows of a class, or no threshold does what is wanted.
        ValueError: A score is not a number.
    """
    badness = np.asarray(scores, dtype=np.float64) * (1.0 if bad_scores == "high" else -1.0)
    truth = np.asarray(leaks, dtype=bool)
    if badness.shape != truth.shape or np.isnan(badness).any():
        raise ValueError("needs one score, a number, for each label")
    _check_size(int(truth.sum()), int((~truth).sum()))
    choosing = _half(truth, seed)
    threshold = _chosen(badness[choosing & truth], badness[choosing & ~truth], wanted)
    leaking, clean = badness[~choosing & truth], badness[~choosing & ~truth]
    caught, lost = int((leaking >= threshold).sum()), int((clean >= threshold).sum())
    return Calibration(
        threshold=threshold if bad_scores == "high" else -threshold,
        bad_scores=bad_scores,
        wanted=wanted,
        recall=caught / len(leaking),
        recall_ci=_exact_limits(caught, len(leaking)),
        false_positive_rate=lost / len(clean),
        false_positive_rate_ci=_exact_limits(lost, len(clean)),
        n_labelled=len(truth),
        n_leaking=len(leaking),
        n_clean=len(clean),
    )


def _half(truth: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """Half of the rows of either class, drawn at random; the larger half where it is odd."""
    generator = np.random.default_rng(derive_seed(seed, "calibration halves"))
    chosen = np.zeros(truth.shape, dtype=bool)
    for places in (np.flatnonzero(truth), np.flatnonzero(~truth)):
        chosen[generator.permutation(places)[: (len(places) + 1) // 2]] = True
    return chosen


def _chosen(leaking: _Array, clean: _Array, wanted: Wanted) -> float:
    if wanted.rate == "recall":
        # The smallest count that is at least the wanted share, in spite of rounding.
        caught = math.ceil(wanted.value * len(leaking) - 1e-9)
        threshold = float(np.sort(leaking)[::-1][caught - 1])
    else:
        lost = math.floor(wanted.value * len(clean) + 1e-9)
        threshold = float(np.nextafter(np.sort(clean)[::-1][lost], np.inf))
    if not math.isfinite(threshold):
        rate, value = wanted.rate.replace("_", " "), wanted.value
        raise UserError(
            f"no threshold gives a {rate} of {value:g}: too many of the labelled rows have no "
            "score; look at what the judge says of them"
        )
    return threshold


def _exact_limits(successes: int, trials: int) -> tuple[float, float]:
    # Slow to import, and needed by calibrations alone, not by every filter.
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(successes, trials, alpha=0.05, method="beta")
    return (
        0.0 if successes == 0 else float(low),
        1.0 if successes == trials else float(high),
    )


def _check_size(leaking: int, clean: int) -> None:
    if min(leaking, clean) < LEAST_PER_CLASS:
        raise UserError(
            f"a threshold needs at least {LEAST_PER_CLASS} labelled rows that leak and as many "
            f"that do not, but {leaking} leak and {clean} do not; label more"
        )
