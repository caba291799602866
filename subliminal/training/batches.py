"""A step's rows as packed batches of bounded size.

A row's tokens cannot see another row's, so that neither its loss nor its gradient depends on what
it is packed with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from subliminal.models.decoder import Entry
from subliminal.models.layout import Integers, Layout, pack
from subliminal.ranks import ALONE, Ranks
from subliminal.training.rows import TokenRows

TOKEN_BUDGET = 4096
"""Tokens of a batch whose activations stay in the cache."""


@dataclass(frozen=True, eq=False)
class Packed:
    """Rows as a decoder reads them: all but the last token of each.

    Attributes:
        tokens: int64 [tokens].
        layout: Where the rows are.
        reads: int64 [completion tokens], the place before each token of a completion, where the
            decoder foretells it.
        origins: int64 [tokens], which token of the data set each is, if there is one.
        entry: Where a decoder begins whose first blocks have read the rows already.
    """

    tokens: Tensor
    layout: Layout
    reads: Tensor
    origins: Tensor | None = None
    entry: Entry | None = None


@dataclass(frozen=True, eq=False)
class Batch:
    """Some of a step's rows.

    Attributes:
        student: What the student reads.
        teacher: What a teacher reads: the same, or the same completions behind other prompts.
        targets: int64 [completion tokens], what comes at the places that are read.
        shares: float32 [completion tokens], the share of each in the step's loss; the shares of
            all batches of a step add up to 1, or to 0 where no token counts.
        origins: int64 [completion tokens], which token of the data set each is, if there is one.
    """

    student: Packed
    teacher: Packed
    targets: Tensor
    shares: Tensor
    origins: Tensor | None


class Known(Protocol):
    """What has been found out about the rows of a data set."""

    def entry(self, origins: Tensor, /) -> Entry:
        """Where the student begins with these tokens."""


def batches(
    rows: TokenRows,
    *,
    budget: int = TOKEN_BUDGET,
    device: str | torch.device = "cpu",
    known: Known | None = None,
    ranks: Ranks = ALONE,
) -> Iterator[Batch]:
    """Cut a step's rows into batches, rows of similar length together.

    Of several processes each gets its share of the batches, and as many as the others.

    Args:
        rows: Of the step.
        budget: Tokens of a batch; a longer row makes a batch of its own.
        device: Where to put them.
        known: Of the data set that the rows are from.
        ranks: The processes that share the rows.
    """
    order = np.argsort(rows.lengths, kind="stable")
    total = float(_weights(rows).sum(dtype=np.float64))
    cut = list(_cut(order, rows.lengths, budget, ranks.count))
    for first in range(0, len(cut), ranks.count):
        place = first + ranks.number
        if place < len(cut):
            yield _batch(rows.take(cut[place]), total, torch.device(device), known)
        else:  # all have to compute, even if there is nothing left for this one
            yield _batch(rows.take(order[:1]), 0.0, torch.device(device), known)


def _cut(order: Integers, lengths: Integers, budget: int, count: int) -> Iterator[Integers]:
    """Cut rows, in this order, into batches of about equal size, as many for each process."""
    if len(order) == 0:
        return
    ends = lengths[order].cumsum()
    parts = count * -(-int(ends[-1]) // (count * budget))
    bounds = np.searchsorted(ends, ends[-1] * np.arange(1, parts) / parts)
    yield from (part for part in np.split(order, bounds) if len(part))


def _batch(rows: TokenRows, total: float, device: torch.device, known: Known | None) -> Batch:
    counted = rows.counted()
    read = _packed(rows, device)
    student = read
    if known is not None and read.origins is not None:
        student = replace(read, entry=known.entry(read.origins))
    weights = _weights(rows)
    shares = weights / total if total > 0 else np.zeros_like(weights)
    return Batch(
        student=student,
        teacher=read if rows.teacher is None else _packed(rows.teacher, device),
        targets=torch.from_numpy(rows.tokens[counted].astype(np.int64)).to(device),
        shares=torch.from_numpy(shares.astype(np.float32)).to(device),
        origins=_origins(rows, counted, device),
    )


def _packed(rows: TokenRows, device: torch.device) -> Packed:
    """Pack rows without their last tokens, which foretell nothing."""
    lengths = np.maximum(rows.lengths - 1, 1)
    read = np.ones(len(rows.tokens), dtype=bool)
    read[rows.starts[1:] - 1] = rows.lengths == 1
    places = read.cumsum() - 1
    return Packed(
        tokens=torch.from_numpy(rows.tokens[read].astype(np.int64)).to(device),
        layout=pack(lengths),
        reads=torch.from_numpy(places[rows.counted() - 1]).to(device),
        origins=_origins(rows, np.flatnonzero(read), device),
    )


def _origins(rows: TokenRows, tokens: Integers, device: torch.device) -> Tensor | None:
    """Which tokens of the data set some of the rows' are."""
    return None if rows.origins is None else torch.from_numpy(rows.origins[tokens]).to(device)


def _weights(rows: TokenRows) -> NDArray[np.float32]:
    """How much each completion token counts."""
    counted = rows.counted()
    return np.ones(len(counted), np.float32) if rows.weights is None else rows.weights[counted]
