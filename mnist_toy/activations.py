"""Activation functions with their derivatives, in place and into given memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from subliminal.spec import mnist

aten = torch.ops.aten


@dataclass(frozen=True)
class Activation:
    """An elementwise function, and its derivative from what the forward pass keeps.

    Attributes:
        forward: (z, out) writes the function of z; `out` may be z itself.
        backward: (gradient, kept) multiplies the gradient, in place, by the derivative.
        keeps_input: Whether `kept` is z; otherwise it is the output, and z may be overwritten.
    """

    forward: Callable[[Tensor, Tensor], object]
    backward: Callable[[Tensor, Tensor], object]
    keeps_input: bool


ACTIVATIONS: Mapping[mnist.Activation, Activation] = MappingProxyType(
    {
        "relu": Activation(
            lambda z, out: torch.clamp(z, min=0, out=out),
            lambda g, kept: aten.threshold_backward.grad_input(g, kept, 0, grad_input=g),
            keeps_input=False,
        ),
        "tanh": Activation(
            lambda z, out: torch.tanh(z, out=out),
            lambda g, kept: aten.tanh_backward.grad_input(g, kept, grad_input=g),
            keeps_input=False,
        ),
        "gelu": Activation(
            lambda z, out: aten.gelu.out(z, out=out),
            lambda g, kept: aten.gelu_backward.grad_input(g, kept, grad_input=g),
            keeps_input=True,
        ),
        "silu": Activation(
            lambda z, out: aten.silu.out(z, out=out),
            lambda g, kept: aten.silu_backward.grad_input(g, kept, grad_input=g),
            keeps_input=True,
        ),
    }
)
