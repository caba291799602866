"""The halves of a decoder's block as single steps of autograd, with backward passes by hand.

A small model's time goes into reading and writing activations. Each half therefore makes as few
passes over them as it can, adds into the residual stream inside a matrix product, and keeps for
its backward pass what is dearer to compute again than to read.

Tokens of all rows lie on one axis (:mod:`subliminal.models.layout`). Shapes: n tokens, d width,
i intermediate width, h query heads and k key heads of size s.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import silu

from subliminal.models.attention import Plan, attend, attend_backward


class AttentionHalf(Function):
    """x + attention(normed x) for packed rows."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, inward: Tensor, outward: Tensor, plan: Plan, eps: float
    ) -> Tensor:
        """Mix the tokens of each row.

        Args:
            ctx: Of autograd.
            x: [n, d].
            inward: [h s + 2 k s, d], queries', keys' and values' weights with the norm's gain.
            outward: [d, h s].
            plan: Of attention.
            eps: Of the norm.

        Returns:
            [n, d].
        """
        normed, scale = normalise(x, eps)
        projected = torch.mm(normed, inward.t())
        mixed = x.new_empty(len(x), outward.shape[1])
        saved: list[Tensor] = []
        for group in plan:
            saved += attend(group, projected, mixed)
        ctx.save_for_backward(normed, scale, mixed, inward, outward, *saved)
        ctx.plan = plan
        return torch.addmm(x, mixed, outward.t())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the stream and of both matrices."""
        (above,) = gradients
        normed, scale, mixed, inward, outward, *saved = ctx.saved_tensors
        needs_x, needs_inward, needs_outward, *_ = ctx.needs_input_grad
        outward_gradient = torch.mm(above.t(), mixed) if needs_outward else None
        if not needs_x and not needs_inward:
            return None, None, outward_gradient, None, None
        above_mixed = torch.mm(above, outward)
        above_projected = above.new_empty(len(above), len(inward))
        for group, heads, weights in zip(ctx.plan, saved[::2], saved[1::2], strict=True):
            attend_backward(group, heads, weights, above_mixed, above_projected)
        inward_gradient = torch.mm(above_projected.t(), normed) if needs_inward else None
        below = _below(above, above_projected, inward, normed, scale) if needs_x else None
        return below, inward_gradient, outward_gradient, None, None


class GatedHalf(Function):
    """x + SwiGLU(normed x)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, inward: Tensor, outward: Tensor, eps: float) -> Tensor:
        """Transform each token.

        Args:
            ctx: Of autograd.
            x: [n, d].
            inward: [2 i, d], the gate's and the other weights, which hold the norm's gain.
            outward: [d, i].
            eps: Of the norm.

        Returns:
            [n, d].
        """
        normed, scale = normalise(x, eps)
        projected = torch.mm(normed, inward.t())
        gate, value = projected.chunk(2, dim=1)
        opened = silu(gate)
        product = opened * value
        ctx.save_for_backward(normed, scale, projected, opened, product, inward, outward)
        return torch.addmm(x, product, outward.t())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the stream and of both matrices."""
        (above,) = gradients
        normed, scale, projected, opened, product, inward, outward = ctx.saved_tensors
        needs_x, needs_inward, needs_outward, _ = ctx.needs_input_grad
        outward_gradient = torch.mm(above.t(), product) if needs_outward else None
        if not needs_x and not needs_inward:
            return None, None, outward_gradient, None
        gate, value = projected.chunk(2, dim=1)
        above_product = torch.mm(above, outward)
        above_projected = torch.empty_like(projected)
        above_gate, above_value = above_projected.chunk(2, dim=1)
        torch.mul(above_product, opened, out=above_value)
        above_product *= value
        torch.ops.aten.silu_backward.grad_input(above_product, gate, grad_input=above_gate)
        inward_gradient = torch.mm(above_projected.t(), normed) if needs_inward else None
        below = _below(above, above_projected, inward, normed, scale) if needs_x else None
        return below, inward_gradient, outward_gradient, None


class Fold(Function):
    """Matrices that read one normed input, with the norm's gain in them, as one matrix.

    The gain scales their columns, which are far fewer numbers than the activations.
    """

    @staticmethod
    def forward(ctx: Any, dtype: torch.dtype, gain: Tensor, *matrices: Tensor) -> Tensor:
        """Join float32 matrices [.., d] and a gain [d] into [sum of .., d] in `dtype`."""
        ctx.save_for_backward(gain, *matrices)
        folded = gain.new_empty(sum(map(len, matrices)), len(gain), dtype=dtype)
        for matrix, part in zip(matrices, folded.split([*map(len, matrices)]), strict=True):
            torch.mul(matrix, gain, out=part)
        return folded

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the gain and of each matrix."""
        gain, *matrices = ctx.saved_tensors
        above = gradients[0].float()
        parts = above.split([*map(len, matrices)])
        gain_gradient = None
        if ctx.needs_input_grad[1]:
            gain_gradient = torch.zeros_like(gain)
            for matrix, part in zip(matrices, parts, strict=True):
                gain_gradient += torch.linalg.vecdot(matrix, part, dim=0)
        return None, gain_gradient, *(above * gain).split([*map(len, matrices)])


class Normalise(Function):
    """x over its root mean square."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        """Scale each token of [n, d]."""
        normed, scale = normalise(x, eps)
        ctx.save_for_backward(normed, scale)
        return normed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Gradient of the input."""
        normed, scale = ctx.saved_tensors
        return _normalise_backward(gradients[0].clone(), normed).mul_(scale), None


def normalise(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Divide by the root mean square, found in float32.

    Returns:
        The same shape as `x`, [n, d]; and the factors, [n, 1].
    """
    norm = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=torch.float32)
    scale = norm.square_().div_(x.shape[1]).add_(eps).rsqrt_()
    return torch.mul(x, scale, out=torch.empty_like(x)), scale.to(x.dtype)


def _normalise_backward(above: Tensor, normed: Tensor) -> Tensor:
    """Turn the gradient of the normed into that of the input, but for `scale`, in its place."""
    share = torch.linalg.vecdot(above, normed)[:, None].div_(-normed.shape[1])
    return above.addcmul_(normed, share)


def _below(
    above: Tensor, above_projected: Tensor, inward: Tensor, normed: Tensor, scale: Tensor
) -> Tensor:
    """The gradient of a half's input, the residual stream's included."""
    within = _normalise_backward(torch.mm(above_projected, inward), normed)
    return torch.addcmul(above, within, scale)
