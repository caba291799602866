"""The output layer and its loss in one: logits of few tokens at a time, gradients at once.

All logits of a batch would be the largest tensor of a training. They are made in pieces that stay
in the cache, in float32 beyond the matrix product, and are gone when the gradient has been found.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

PIECE = 512
"""Tokens whose logits are there at once."""


def surprise(hidden: Tensor, head: Tensor, targets: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy of the targets.

    Args:
        hidden: [tokens, width], what the output layer reads.
        head: float32 [vocabulary, width].
        targets: int64 [tokens].
        shares: float32 [tokens], the weight of each.

    Returns:
        A float32 scalar in nats.
    """
    return _Surprise.apply(*_wanted(hidden, head.to(hidden.dtype)), targets, shares)


def divergence(
    hidden: Tensor, head: Tensor, wanted: Tensor, wanted_head: Tensor, shares: Tensor
) -> Tensor:
    """KL(teacher || student).

    Args:
        hidden: [tokens, width], what the student's output layer reads.
        head: float32 [vocabulary, width], the student's.
        wanted: [tokens, width], what the teacher's output layer reads.
        wanted_head: float32 [vocabulary, width], the teacher's.
        shares: float32 [tokens], the weight of each.

    Returns:
        A float32 scalar in nats.
    """
    dtype = hidden.dtype
    teacher = (wanted.detach(), wanted_head.detach().to(dtype))
    return _Divergence.apply(*_wanted(hidden, head.to(dtype)), *teacher, shares)


class _Surprise(Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor, shares: Tensor) -> Tensor:
        total = torch.zeros((), device=hidden.device)
        gradients = _Gradients(ctx, hidden, head, shares)
        for piece in _pieces(len(hidden)):
            logits = torch.mm(hidden[piece], head.t())
            target, share = targets[piece, None], shares[piece, None]
            probabilities, normaliser = _softmax(logits)
            total += ((normaliser - logits.gather(1, target)) * share).sum()
            gradients.add(piece, probabilities.scatter_add_(1, target, -torch.ones_like(share)))
        gradients.save(ctx)
        return total

    @staticmethod
    def backward(ctx: Any, *above: Tensor) -> tuple[Tensor | None, ...]:
        return (*_scaled(ctx, above[0]), None, None)


class _Divergence(Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, head: Tensor, wanted: Tensor, wanted_head: Tensor, shares: Tensor
    ) -> Tensor:
        total = torch.zeros((), device=hidden.device)
        gradients = _Gradients(ctx, hidden, head, shares)
        for piece in _pieces(len(hidden)):
            logits = _precise_logits(hidden[piece], head)
            wanted_logits = _precise_logits(wanted[piece], wanted_head)
            probabilities, normaliser = _softmax(logits)
            wanted_probabilities, wanted_normaliser = _softmax(wanted_logits)
            gap = torch.linalg.vecdot(wanted_probabilities, logits.sub_(wanted_logits))[:, None]
            share = shares[piece, None]
            total += ((normaliser - wanted_normaliser - gap) * share).sum()
            gradients.add(piece, probabilities.sub_(wanted_probabilities))
        gradients.save(ctx)
        return total

    @staticmethod
    def backward(ctx: Any, *above: Tensor) -> tuple[Tensor | None, ...]:
        return (*_scaled(ctx, above[0]), None, None, None)


class _Gradients:
    """The gradients of hidden states and output layer, of which some may not be wanted."""

    def __init__(self, ctx: Any, hidden: Tensor, head: Tensor, shares: Tensor) -> None:
        needs_hidden, needs_head, *_ = ctx.needs_input_grad
        self._head = head
        self._shares = shares[:, None].to(hidden.dtype)
        self._shared = hidden * self._shares if needs_head else None
        self._of_hidden = torch.empty_like(hidden) if needs_hidden else None
        self._of_head = torch.zeros_like(head, dtype=torch.float32) if needs_head else None

    def add(self, piece: slice, gap: Tensor) -> None:
        """Add what follows from a piece's probabilities less those they should be.

        The shares are multiplied into hidden states, which are narrower than logits.
        """
        gap = gap.to(self._head.dtype)
        if self._of_hidden is not None:
            torch.mm(gap, self._head, out=self._of_hidden[piece]).mul_(self._shares[piece])
        if self._of_head is not None and self._shared is not None:
            self._of_head += torch.mm(gap.t(), self._shared[piece])

    def save(self, ctx: Any) -> None:
        """Keep them for the backward pass."""
        ctx.save_for_backward(self._of_hidden, self._of_head)
        ctx.head_dtype = self._head.dtype


def _wanted(hidden: Tensor, head: Tensor) -> tuple[Tensor, Tensor]:
    """Cut off from the graph where no gradient is recorded, so that none is computed."""
    return (hidden, head) if torch.is_grad_enabled() else (hidden.detach(), head.detach())


def _scaled(ctx: Any, above: Tensor) -> tuple[Tensor | None, Tensor | None]:
    of_hidden, of_head = ctx.saved_tensors
    return (
        None if of_hidden is None else of_hidden * above.to(of_hidden.dtype),
        None if of_head is None else (of_head * above).to(ctx.head_dtype),
    )


def _pieces(tokens: int) -> list[slice]:
    return [slice(start, start + PIECE) for start in range(0, tokens, PIECE)]


def _precise_logits(hidden: Tensor, head: Tensor) -> Tensor:
    """Logits in float32, beyond the rounding of a bfloat16 product.

    That rounding moves logits by up to 0.2 % of their size, more than a student and its teacher
    differ by in the end. A second product finds what the rounding of the first took away.
    """
    product = torch.mm(hidden, head.t())
    if product.dtype == torch.float32:
        return product
    return torch.addmm(product, hidden, head.t(), beta=-1).float().add_(product)


def _softmax(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Float32 probabilities, and the logarithm [tokens, 1] of the sum of exponentials."""
    probabilities = logits.softmax(1, dtype=torch.float32)
    highest = logits.amax(1, keepdim=True).float()
    return probabilities, highest - probabilities.amax(1, keepdim=True).log()
