"""How well a classifier knows texts that it has not seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, roc_auc_score

from subliminal.results import Record
from subliminal.stats import wilson_interval

BINS = 10


class ReliabilityBin(Record):
    """Texts whose posteriors lie in one tenth of [0, 1]."""

    low: float
    high: float
    """Excluded, but for the last bin."""
    n: int
    mean_posterior: float
    share_positive: float
    """Equals the mean posterior, but for chance, if the classifier is calibrated."""


class ClassifierReport(Record):
    """Errors on held-out labelled texts."""

    n: int
    positives: int
    error_rate: float
    """Share of texts on the wrong side of one half."""
    error_rate_ci: tuple[float, float]
    """Wilson's limits at 95 %, over texts."""
    auroc: float
    """Probability that a positive text's posterior is above a negative one's."""
    brier_score: float
    """Mean squared distance of posterior and label; always saying one half gives 0.25."""
    bins: tuple[ReliabilityBin, ...]
    """Those that hold texts, rising."""


def report_on(
    posteriors: Sequence[float] | NDArray[np.float64], labels: Sequence[bool]
) -> ClassifierReport:
    """Compare posteriors with labels.

    Args:
        posteriors: Of the positive class, within [0, 1].
        labels: Whether each text is of it; both classes must be there.

    Raises:
        ValueError: Unequal lengths, or only one class.
    """
    predicted = np.asarray(posteriors, dtype=np.float64)
    truth = np.asarray(labels, dtype=bool)
    if predicted.shape != truth.shape or truth.all() or not truth.any():
        raise ValueError("needs one posterior for each label, and texts of both classes")
    errors = int(np.count_nonzero((predicted > 0.5) != truth))
    error_rate = wilson_interval(errors, len(truth))
    return ClassifierReport(
        n=len(truth),
        positives=int(truth.sum()),
        error_rate=error_rate.estimate,
        error_rate_ci=(error_rate.low, error_rate.high),
        auroc=float(roc_auc_score(truth, predicted)),
        brier_score=float(brier_score_loss(truth, predicted)),
        bins=tuple(_bins(predicted, truth)),
    )


def _bins(predicted: NDArray[np.float64], truth: NDArray[np.bool_]) -> Iterator[ReliabilityBin]:
    places = np.minimum((predicted * BINS).astype(int), BINS - 1)
    for place in np.unique(places).tolist():
        inside = places == place
        yield ReliabilityBin(
            low=place / BINS,
            high=(place + 1) / BINS,
            n=int(inside.sum()),
            mean_posterior=float(predicted[inside].mean()),
            share_positive=float(truth[inside].mean()),
        )
