"""Losses of models whose logits are more than a product with a matrix: capped, scaled, shifted.

As in :mod:`subliminal.training.head` logits are made in pieces; here autograd makes them again for
the backward pass.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from subliminal.training.head import PIECE

Logits = Callable[[Tensor], Tensor]
"""From [tokens, width] to float32 [tokens, vocabulary]."""


def plain_surprise(logits: Logits, hidden: Tensor, targets: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy of the targets; see :func:`subliminal.training.head.surprise`."""

    def part(read: Tensor, target: Tensor, share: Tensor) -> Tensor:
        found = logits(read)
        missed = found.logsumexp(1) - found.gather(1, target[:, None])[:, 0]
        return (missed * share).sum()

    return _added_up(part, hidden, targets, shares)


def plain_divergence(
    logits: Logits, hidden: Tensor, wanted_logits: Logits, wanted: Tensor, shares: Tensor
) -> Tensor:
    """KL(teacher || student); see :func:`subliminal.training.head.divergence`."""

    def part(read: Tensor, known: Tensor, share: Tensor) -> Tensor:
        ours = logits(read).log_softmax(1)
        with torch.no_grad():
            theirs = wanted_logits(known).log_softmax(1)
        return ((theirs.exp() * (theirs - ours)).sum(1) * share).sum()

    return _added_up(part, hidden, wanted, shares)


def plain_top_divergence(
    logits: Logits, hidden: Tensor, tokens: Tensor, known: Tensor, rest: Tensor, shares: Tensor
) -> Tensor:
    """KL(teacher || student) over some tokens at each place, and all others taken for one.

    Args:
        logits: The student's output layer.
        hidden: [tokens, width], what it reads.
        tokens: int64 [tokens, top], which tokens are told apart.
        known: float32 [tokens, top], the teacher's log-probabilities of them.
        rest: float32 [tokens], its log-probability of all others together.
        shares: float32 [tokens], the weight of each place.

    Returns:
        A float32 scalar in nats.
    """

    def part(read: Tensor, told: Tensor, theirs: Tensor, left: Tensor, share: Tensor) -> Tensor:
        found = logits(read)
        ours = found.log_softmax(1)
        gap = _terms(theirs, ours.gather(1, told)).sum(1)
        if told.shape[1] < found.shape[1]:
            others = ours.scatter(1, told, float("-inf")).logsumexp(1)
            gap = gap + _terms(left, others)
        return (gap * share).sum()

    return _added_up(part, hidden, tokens, known, rest, shares)


def _terms(theirs: Tensor, ours: Tensor) -> Tensor:
    """Of a divergence: p log (p / q). What cannot come adds nothing, and not 0 times infinity."""
    return torch.where(theirs.isfinite(), theirs.exp() * (theirs - ours), 0.0)


def _added_up(part: Callable[..., Tensor], *of_tokens: Tensor) -> Tensor:
    """The sum of a loss over pieces of the tokens."""
    pieces = zip(*(tensor.split(PIECE) for tensor in of_tokens), strict=True)
    # Nothing is drawn at random, so that no state of a generator has to be kept.
    again = partial(checkpoint, part, use_reentrant=False, preserve_rng_state=False)
    losses = [again(*piece) for piece in pieces]
    return torch.stack(losses).sum() if losses else of_tokens[0].sum() * 0.0
