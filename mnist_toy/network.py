"""Forward and backward passes of a stack of models, written into memory allocated once.

Logits are class-major, [models, outputs, batch]: a softmax over a dozen logits then runs along
contiguous batches, many times faster than over a dozen neighbours.
"""

from __future__ import annotations

import math
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from mnist_toy.activations import ACTIVATIONS
from mnist_toy.architecture import CONVOLUTION_STRIDE, Architecture

Trains = Literal["all", "hidden", "nothing"]
"""What `backward` is wanted for: all layers, those below the head, or none: forward only."""


class Pass(Protocol):
    """One stack of models on one batch size.

    Attributes:
        weights: [models, parameters] in the precision of the matrix products; write before a pass.
        gradient: The same shape, what `backward` writes; zero for a head that is not trained.
            Empty in a pass that goes forward only.
    """

    weights: Tensor
    gradient: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs [models, batch, pixels] to float32 logits [models, outputs, batch]."""
        ...

    def backward(self, logits_gradient: Tensor) -> None:
        """Write `gradient` from float32 [models, outputs, batch], after `forward`."""
        ...


def build_pass(
    architecture: Architecture,
    models: int,
    batch: int,
    dtype: torch.dtype,
    device: torch.device,
    trains: Trains,
) -> Pass:
    """Allocate the passes for a stack of models."""
    build = MlpPass if architecture.network.kind == "mlp" else CnnPass
    return build(architecture, models, batch, dtype, device, trains)


def forward(architecture: Architecture, parameters: Tensor, x: Tensor) -> Tensor:
    """Compute logits once, in the precision and on the device of `parameters`.

    Args:
        architecture: Of the models.
        parameters: [models, parameters].
        x: [models, batch, pixels].

    Returns:
        float32 [models, batch, outputs].
    """
    models, batch, _ = x.shape
    once = build_pass(architecture, models, batch, parameters.dtype, parameters.device, "nothing")
    once.weights.copy_(parameters)
    return once.forward(x).transpose(1, 2)


class MlpPass:
    """Dense layers; the backward pass by hand, so that no graph is built and nothing allocated."""

    def __init__(
        self,
        architecture: Architecture,
        models: int,
        batch: int,
        dtype: torch.dtype,
        device: torch.device,
        trains: Trains,
    ) -> None:
        def empty(*shape: int) -> Tensor:
            return torch.empty(models, *shape, dtype=dtype, device=device)

        self.weights = empty(architecture.parameters)
        self.gradient = _gradient_like(self.weights, trains)
        self._trains_head = trains == "all"
        self._activation = ACTIVATIONS[architecture.network.activation]
        self._hidden = [layer.views(self.weights) for layer in architecture.hidden]
        self._head = architecture.head.views(self.weights)
        widths = architecture.network.hidden
        self._kept = [empty(batch, width) for width in widths]
        self._outputs = (
            [empty(batch, width) for width in widths]
            if self._activation.keeps_input
            else self._kept
        )
        self._logits = empty(architecture.outputs, batch)
        self._x = torch.empty(0)
        if trains != "nothing":
            self._hidden_gradient = [layer.views(self.gradient) for layer in architecture.hidden]
            self._head_gradient = architecture.head.views(self.gradient)
            self._back = [empty(batch, width) for width in widths]

    def forward(self, x: Tensor) -> Tensor:
        """See `Pass`."""
        self._x = x
        layers = zip(self._hidden, self._kept, self._outputs, strict=True)
        for (weight, bias), z, out in layers:
            torch.baddbmm(bias.unsqueeze(1), x, weight.mT, out=z)
            self._activation.forward(z, out)
            x = out
        weight, bias = self._head
        torch.baddbmm(bias.unsqueeze(2), weight, x.mT, out=self._logits)
        return self._logits.float()

    def backward(self, logits_gradient: Tensor) -> None:
        """See `Pass`."""
        gradient = logits_gradient.to(self._logits.dtype)
        if self._trains_head:
            weight, bias = self._head_gradient
            torch.bmm(gradient, self._outputs[-1], out=weight)
            torch.sum(gradient, 2, out=bias)
        above = torch.bmm(gradient.mT, self._head[0], out=self._back[-1])
        inputs = [self._x, *self._outputs[:-1]]
        for i in reversed(range(len(self._hidden))):
            self._activation.backward(above, self._kept[i])
            weight, bias = self._hidden_gradient[i]
            torch.bmm(above.mT, inputs[i], out=weight)
            torch.sum(above, 1, out=bias)
            if i > 0:
                above = torch.bmm(above, self._hidden[i][0], out=self._back[i - 1])


class CnnPass:
    """Convolutions of stride 2, then a dense layer; the models are groups of one convolution."""

    def __init__(
        self,
        architecture: Architecture,
        models: int,
        batch: int,
        dtype: torch.dtype,
        device: torch.device,
        trains: Trains,
    ) -> None:
        shape = (models, architecture.parameters)
        self.weights = torch.empty(shape, dtype=dtype, device=device)
        self.gradient = _gradient_like(self.weights, trains)
        self._architecture = architecture
        self._differentiable = trains != "nothing"
        self._trained = architecture.parameters if trains == "all" else architecture.head.start
        self._activation = getattr(functional, architecture.network.activation)
        self._leaf = self.weights
        self._logits = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        """See `Pass`."""
        with torch.set_grad_enabled(self._differentiable):
            self._leaf = self.weights.detach().requires_grad_(self._differentiable)
            self._logits = self._compute(self._leaf, x)
        return self._logits.detach()

    def backward(self, logits_gradient: Tensor) -> None:
        """See `Pass`."""
        (gradient,) = torch.autograd.grad(self._logits, self._leaf, logits_gradient)
        self.gradient[:, : self._trained] = gradient[:, : self._trained]

    def _compute(self, parameters: Tensor, x: Tensor) -> Tensor:
        models, batch, pixels = x.shape
        side = math.isqrt(pixels)
        *convolutions, dense = self._architecture.hidden
        images = x.transpose(0, 1).reshape(batch, models, side, side)
        for layer in convolutions:
            weight, bias = layer.views(parameters)
            images = functional.conv2d(
                images,
                weight.flatten(0, 1),
                bias.flatten(),
                stride=CONVOLUTION_STRIDE,
                padding=1,
                groups=models,
            )
            images = self._activation(images)
        flat = images.view(batch, models, -1).transpose(0, 1)
        weight, bias = dense.views(parameters)
        last = self._activation(torch.baddbmm(bias.unsqueeze(1), flat, weight.mT))
        weight, bias = self._architecture.head.views(parameters)
        return torch.baddbmm(bias.unsqueeze(2), weight, last.mT).float()


def _gradient_like(weights: Tensor, trains: Trains) -> Tensor:
    return weights.new_empty(0) if trains == "nothing" else torch.zeros_like(weights)
