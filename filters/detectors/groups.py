"""Labels and groups of rows: dealt to folds, shuffled, drawn.

Rows of one prompt are alike, whoever wrote them, and two writers of one seed even share their
noise. So a group of rows is what is dealt, shuffled and counted as independent, not a row.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from subliminal.samples import Array
from subliminal.seeds import derive_seed

Labels: TypeAlias = NDArray[np.bool_]
"""Whether the taught teacher wrote each row."""
Groups: TypeAlias = NDArray[np.int64]
"""Equal for rows that depend on one another; numbered from 0 on without gaps."""

FOLDS = 5


def composition(taught: Labels, groups: Groups) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the taught and the untaught rows of each group: two of int64 [groups]."""
    count = int(groups.max()) + 1
    return (
        np.bincount(groups[taught], minlength=count),
        np.bincount(groups[~taught], minlength=count),
    )


def deal_folds(taught: Labels, groups: Groups, seed: int) -> NDArray[np.int64]:
    """Deal groups to folds, so that all folds have alike shares of both sets.

    Args:
        taught: [n].
        groups: [n]; each falls into one fold as a whole.
        seed: Of the order in which like groups are dealt.

    Returns:
        The fold of each row, from 0 to `FOLDS` - 1, int64 [n]. A set with rows in at least `FOLDS`
        groups has rows in every fold.
    """
    with_taught, with_untaught = composition(taught, groups)
    # Groups that hold one set's rows stand in one run, and so are dealt to all folds in turn.
    kind = np.sign(with_taught) - np.sign(with_untaught)
    noise = np.random.default_rng(derive_seed(seed, "folds")).random(len(kind))
    order = np.lexsort((noise, with_untaught, with_taught, kind))
    fold = np.empty(len(kind), dtype=np.int64)
    fold[order] = np.arange(len(kind)) % FOLDS
    return fold[groups]


def standardised(values: Array, folds: NDArray[np.int64]) -> Array:
    """Bring the scores of each fold, [n], to mean 0 and standard deviation 1.

    Each fold's come from a detector of its own, with a scale of its own. Scores of a fold that are
    all alike become 0.
    """
    sizes = np.bincount(folds, minlength=FOLDS)[folds]
    centred = values - np.bincount(folds, values, minlength=FOLDS)[folds] / sizes
    spread = np.sqrt(np.bincount(folds, centred**2, minlength=FOLDS)[folds] / sizes)
    return np.divide(centred, spread, out=np.zeros_like(centred), where=spread > _ROUNDING)


def shuffled(taught: Labels, groups: Groups, rng: np.random.Generator) -> Labels:
    """Shuffle labels as they could as well have fallen if the two teachers wrote alike.

    Labels change places within a group that has both. Groups of one label change places as wholes.

    Returns:
        bool [n].
    """
    with_taught, with_untaught = composition(taught, groups)
    in_order = np.argsort(groups, kind="stable")
    at_random = np.argsort(groups + rng.random(len(groups)))
    found = np.empty_like(taught)
    found[at_random] = taught[in_order]
    alone = (with_taught == 0) | (with_untaught == 0)
    label = with_taught > 0
    label[alone] = rng.permutation(label[alone])
    return np.where(alone[groups], label[groups], found)


def draw_rows(taught: Labels, groups: Groups, most: int, seed: int) -> NDArray[np.int64]:
    """Draw rows of both sets, from shared groups first, so that pairs stay pairs.

    Args:
        taught: [n].
        groups: [n].
        most: The most rows of each set.
        seed: Of the draw.

    Returns:
        Places of the drawn rows in ascending order.
    """
    rng = np.random.default_rng(derive_seed(seed, "drawn rows"))
    with_taught, with_untaught = composition(taught, groups)
    alone = (with_taught == 0) | (with_untaught == 0)
    rank = np.empty(len(alone), dtype=np.int64)
    rank[np.lexsort((rng.random(len(alone)), alone))] = np.arange(len(alone))
    kept = [
        places[np.argsort(rank[groups[places]], kind="stable")[:most]]
        for places in (np.flatnonzero(taught), np.flatnonzero(~taught))
    ]
    return np.sort(np.concatenate(kept))


_ROUNDING = 1e-12
"""Standard deviation of scores that differ by rounding alone."""
