"""Losses of models whose logits are more than a product with a matrix: capped, scaled, shifted.

As in :mod:`subliminal.training.head` logits are made in pieces; here autograd makes them again for
the backward pass.
"""

from __future__ import annotations

from collections.abc import Callable

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


def _added_up(part: Callable[..., Tensor], *of_tokens: Tensor) -> Tensor:
    """The sum of a loss over pieces of the tokens."""
    pieces = zip(*(tensor.split(PIECE) for tensor in of_tokens), strict=True)
    losses = [checkpoint(part, *piece, use_reentrant=False) for piece in pieces]
    return torch.stack(losses).sum() if losses else of_tokens[0].sum() * 0.0
