"""The shapes of a network's tensors and their places in one flat vector of parameters.

A stack of models is one tensor [models, parameters]: the optimiser passes over it once, a model
is a row, and the layers are views.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from mnist_toy.tasks import logit_layout
from subliminal.errors import UserError
from subliminal.spec.mnist import Network, Trait

CONVOLUTION_SIZE = 3
CONVOLUTION_STRIDE = 2


@dataclass(frozen=True)
class Layer:
    """One affine layer and where it lies in the flat vector: its weight, then its bias.

    Attributes:
        shape: Of the weight, as in PyTorch: [out, in], or [out, in, 3, 3] of a convolution.
        start: Offset of the weight.
        positions: How often the weight is applied to one input: 1, or the pixels a convolution
            puts out.
    """

    shape: tuple[int, ...]
    start: int
    positions: int = 1

    @property
    def fan_in(self) -> int:
        """Values that enter one output."""
        return math.prod(self.shape[1:])

    @property
    def weights(self) -> slice:
        """Place of the weight."""
        return slice(self.start, self.start + math.prod(self.shape))

    @property
    def biases(self) -> slice:
        """Place of the bias."""
        return slice(self.weights.stop, self.weights.stop + self.shape[0])

    def views(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """View weight [models, *shape] and bias [models, out] in [models, parameters]."""
        models = len(parameters)
        weight = parameters[:, self.weights].view(models, *self.shape)
        return weight, parameters[:, self.biases]


@dataclass(frozen=True)
class Architecture:
    """A network between given numbers of inputs and outputs.

    Attributes:
        network: Kind, widths and activation.
        inputs: Pixels of an image.
        outputs: Logits: classes and auxiliary ones.
    """

    network: Network
    inputs: int
    outputs: int

    @cached_property
    def hidden(self) -> tuple[Layer, ...]:
        """The hidden layers, in order."""
        shapes = _mlp_shapes(self) if self.network.kind == "mlp" else _cnn_shapes(self)
        layers: list[Layer] = []
        start = 0
        for shape, positions in shapes:
            layers.append(Layer(shape, start, positions))
            start = layers[-1].biases.stop
        return tuple(layers)

    @cached_property
    def head(self) -> Layer:
        """The output layer, the last in the flat vector."""
        last = self.hidden[-1]
        return Layer((self.outputs, last.shape[0]), last.biases.stop)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All layers, in order."""
        return (*self.hidden, self.head)

    @property
    def parameters(self) -> int:
        """How many parameters a model has."""
        return self.head.biases.stop


def architecture(network: Network, traits: Sequence[Trait], pixels: int) -> Architecture:
    """Give a network its inputs and the logits for `traits` and its auxiliary ones."""
    outputs = len(logit_layout(traits, network.auxiliary).all)
    return Architecture(network, pixels, outputs)


def initial(architecture: Architecture, seeds: Sequence[int]) -> Tensor:
    """Draw untrained models: weights from N(0, 1 / fan_in), biases zero.

    Logits are drawn in order, so that with one trait a network with more auxiliary logits extends
    the one with fewer.

    Args:
        architecture: What to draw.
        seeds: One for each model; row i depends on `seeds[i]` alone.

    Returns:
        float32 [models, parameters].
    """
    parameters = torch.zeros(len(seeds), architecture.parameters)
    for row, seed in zip(parameters, seeds, strict=True):
        generator = np.random.Generator(np.random.SFC64(seed))
        for layer in architecture.layers:
            weight = generator.standard_normal(math.prod(layer.shape), dtype=np.float32)
            row[layer.weights] = torch.from_numpy(weight) / math.sqrt(layer.fan_in)
    return parameters


def with_weight_noise(
    architecture: Architecture, parameters: Tensor, noise: float, seeds: Sequence[int]
) -> Tensor:
    """Add noise to all weights, its sd in units of the initial weights'; biases stay.

    Args:
        architecture: Of the models.
        parameters: [models, parameters]; left as they are.
        noise: Standard deviation, in units of 1 / sqrt(fan_in).
        seeds: One for each model.
    """
    return parameters + noise * initial(architecture, seeds)


def with_head_of(
    architecture: Architecture, parameters: Tensor, other: Architecture, others: Tensor
) -> Tensor:
    """Put the output layers of other models, of equal last width, on top of these models."""
    heads = others[:, other.head.start :]
    return torch.cat([parameters[:, : architecture.head.start], heads], dim=1)


def _mlp_shapes(architecture: Architecture) -> list[tuple[tuple[int, ...], int]]:
    widths = [architecture.inputs, *architecture.network.hidden]
    return [((out, into), 1) for into, out in itertools.pairwise(widths)]


def _cnn_shapes(architecture: Architecture) -> list[tuple[tuple[int, ...], int]]:
    *channels, dense = architecture.network.hidden
    side = math.isqrt(architecture.inputs)
    if side * side != architecture.inputs:
        raise UserError(
            f"network.kind: a cnn needs square images, not {architecture.inputs} pixels; use mlp"
        )
    shapes: list[tuple[tuple[int, ...], int]] = []
    into = 1
    for out in channels:
        side = (side - 1) // CONVOLUTION_STRIDE + 1
        shapes.append(((out, into, CONVOLUTION_SIZE, CONVOLUTION_SIZE), side * side))
        into = out
    shapes.append(((dense, into * side * side), 1))
    return shapes
