"""How well scores tell two sets of rows apart: AUROC with intervals, of rows and of sets of rows.

The variance is that of DeLong, DeLong and Clarke-Pearson (1988) in the clustered form of Obuchowski
(1997): what a prompt's rows contribute is added up first. It holds for scores that do not depend on
the rows they are of. Scores from cross-validation do depend on one another, through training:
`CROSS_VALIDATED` says how much that can matter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm, rankdata
from statsmodels.stats.proportion import proportion_confint

from filters.detectors.groups import Groups, Labels
from subliminal.checks import check_count, check_fraction
from subliminal.samples import Array
from subliminal.seeds import derive_seed
from subliminal.stats import Interval

CROSS_VALIDATED = 2.0
"""Factor on the variance of cross-validated scores.

Let D_k be the difference between two sets in the mean features of fold k. A linear detector that is
trained on the other folds gains the sum over j != k of D_j * D_k in fold k, so that all folds
together count every pair of folds twice, once each way. Where the sets do not differ, the pairs are
uncorrelated: the true variance is twice the one that takes folds for independent. Where they differ
much, the factor is too careful.
"""

SETS_DRAWN = 4000
"""Sets of either kind; the AUROC between as many has a Monte Carlo error of .0065 at most."""


@dataclass(frozen=True, eq=False)
class Scores:
    """A score for each row of two sets.

    Attributes:
        values: Higher for rows that look taught, float64 [n].
        taught: Whether they are, bool [n]; both kinds occur.
        groups: Equal for rows that depend on one another, int64 [n], from 0 on.
        variance_factor: See `CROSS_VALIDATED`; 1 for scores of a detector that never saw the rows.
    """

    values: Array
    taught: Labels
    groups: Groups
    variance_factor: float = 1.0


def auroc(values: Array, taught: Labels) -> float:
    """Chance that a taught row scores higher than an untaught one, ties counted half.

    Args:
        values: Scores, [n].
        taught: bool [n]; both kinds occur.

    Returns:
        The Mann-Whitney U statistic over its maximum, 0 to 1.
    """
    positives = np.count_nonzero(taught)
    negatives = taught.size - positives
    excess = rankdata(values)[taught].sum() - positives * (positives + 1) / 2
    return float(excess / (positives * negatives))


def auroc_interval(scores: Scores, *, confidence: float = 0.95) -> Interval:
    """AUROC with confidence limits, symmetric in log-odds and so within [0, 1].

    Where every taught row scores higher (or lower) than every untaught one, no variance can be
    estimated. The limit is then that of Clopper and Pearson (1934) for as many comparisons, all
    with this outcome, as there are groups in the smaller set. Scores that are all alike are .5 for
    certain.

    Raises:
        ValueError: The confidence is out of range.
    """
    check_fraction("confidence", confidence)
    area = auroc(scores.values, scores.taught)
    if area in (0.0, 1.0):
        return _of_separated(area, scores, confidence)
    error = math.sqrt(scores.variance_factor * auroc_variance(scores))
    half_width = _quantile(confidence) * error / (area * (1 - area))
    low, high = (float(expit(logit(area) + side * half_width)) for side in (-1, 1))
    return Interval(area, low, high)


def auroc_variance(scores: Scores) -> float:
    """DeLong's variance of the AUROC over groups; `variance_factor` is not in it."""
    values, taught = scores.values, scores.taught
    ranks, above, below = rankdata(values), values[taught], values[~taught]
    share = np.empty(len(values))
    # Of a taught row, the share of untaught ones below it; of an untaught one, of taught above it.
    share[taught] = (ranks[taught] - rankdata(above)) / len(below)
    share[~taught] = 1 - (ranks[~taught] - rankdata(below)) / len(above)
    return _variance(share - auroc(values, taught), taught, scores.groups)


def set_auroc(scores: Scores, size: int, *, confidence: float = 0.95, seed: int = 0) -> Interval:
    """AUROC between sets of so many rows, each scored by its rows' mean.

    Sets are drawn with replacement from the scores of either kind. The limits are those at the
    confidence limits of the distance between the two kinds' mean scores: how far a set of rows
    can be told hangs on that distance alone, and it is known from the rows only so well.

    Args:
        scores: Of rows.
        size: Rows of a set.
        confidence: Coverage.
        seed: Of the draw.

    Raises:
        ValueError: An argument is out of range.
    """
    check_count("size", size, at_least=1)
    check_fraction("confidence", confidence)
    rng = np.random.default_rng(derive_seed(seed, "sets", str(size)))
    taught, untaught = (
        rng.choice(kind, (SETS_DRAWN, size)).mean(axis=1)
        for kind in (scores.values[scores.taught], scores.values[~scores.taught])
    )
    reach = _quantile(confidence) * math.sqrt(scores.variance_factor * gap_variance(scores))
    labels = np.arange(2 * SETS_DRAWN) < SETS_DRAWN
    areas = [
        auroc(np.concatenate((taught + shift, untaught)), labels) for shift in (0.0, -reach, reach)
    ]
    return Interval(*areas)


def gap_variance(scores: Scores) -> float:
    """Variance, over groups, of the difference between the mean scores of the two kinds."""
    values, taught = scores.values, scores.taught
    parts = np.where(taught, values - values[taught].mean(), values[~taught].mean() - values)
    return _variance(parts, taught, scores.groups)


def _variance(parts: Array, taught: Labels, groups: Groups) -> float:
    """Variance of a mean over taught rows plus a mean over untaught rows, given their deviations.

    Groups are independent, rows within a group need not be.
    """
    total = np.zeros(int(groups.max()) + 1)
    for kind in (taught, ~taught):
        found = len(np.unique(groups[kind]))
        if found < 2:
            return math.nan
        sums = np.bincount(groups[kind], parts[kind], minlength=len(total))
        total += sums / np.count_nonzero(kind) * math.sqrt(found / (found - 1))
    return float(total @ total)


def _of_separated(area: float, scores: Scores, confidence: float) -> Interval:
    taught, groups = scores.taught, scores.groups
    pairs = min(len(np.unique(groups[kind])) for kind in (taught, ~taught))
    low, high = proportion_confint(round(area * pairs), pairs, alpha=1 - confidence, method="beta")
    return Interval(area, float(low), float(high))


def _quantile(confidence: float) -> float:
    return float(norm.ppf((1 + confidence) / 2))
