"""What a training costs, from shapes alone: for plans before a run and for benchmarks after."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mnist_toy.architecture import Architecture
from subliminal.machine import Precision
from subliminal.spec.mnist import Training

FLOAT32_BYTES = 4
BYTES: dict[Precision, int] = {"float32": 4, "bfloat16": 2}

TRAINING_RATE = 0.73
"""Share of the machine's matrix-product rate that training reaches (benchmarks/mnist.py)."""


def forward_flops(architecture: Architecture, batch: int) -> int:
    """Count the floating-point operations of a forward pass's matrix products, for one model."""
    products = sum(math.prod(layer.shape) * layer.positions for layer in architecture.layers)
    return 2 * batch * products


def step_flops(
    student: Architecture,
    targets: Sequence[Architecture],
    batch: int,
    freeze_head: bool = False,
) -> int:
    """Count the same for one training step of one model.

    The student's and the targets' forward passes, and the gradients of the student's weights and
    activations that are needed: not at its inputs, and not of a frozen head.

    Args:
        student: What is trained.
        targets: Models whose logits it is compared with.
        batch: Samples in the step.
        freeze_head: Whether the output layer is not trained.
    """
    forward = forward_flops(student, batch)
    first, head = (
        2 * batch * math.prod(layer.shape) * layer.positions
        for layer in (student.hidden[0], student.head)
    )
    weight_gradients = forward - (head if freeze_head else 0)
    activation_gradients = forward - first
    looked_at = sum(forward_flops(target, batch) for target in targets)
    return forward + weight_gradients + activation_gradients + looked_at


def training_flops(
    student: Architecture,
    targets: Sequence[Architecture],
    recipe: Training,
    models: int,
    freeze_head: bool = False,
) -> int:
    """Count the same for a whole training of a stack of models."""
    epoch = step_flops(student, targets, recipe.samples_per_epoch, freeze_head)
    return models * recipe.epochs * epoch


def training_bytes(
    student: Architecture,
    targets: Sequence[Architecture],
    recipe: Training,
    models: int,
    precision: Precision,
    threads: int,
) -> int:
    """Estimate the memory of a training on the cpu, without the data and the libraries.

    The starting point, the parameters and the moments are float32 for every model, and so are the
    targets; inputs, weights, gradients and activations exist once for each thread.
    """
    moments = 2 if recipe.optimiser == "adam" else int(recipe.momentum > 0)
    stacks = (2 + 2 * moments) * student.parameters + sum(t.parameters for t in targets)
    looked_at = sum(t.parameters + recipe.batch_size * _activations(t) for t in targets)
    trained = 2 * student.parameters + 2 * recipe.batch_size * _activations(student)
    inputs = recipe.batch_size * student.inputs
    working = BYTES[precision] * (inputs + trained + looked_at) + FLOAT32_BYTES * (
        student.parameters + 3 * recipe.batch_size * student.outputs
    )
    return FLOAT32_BYTES * models * stacks + threads * working


def _activations(architecture: Architecture) -> int:
    return sum(layer.shape[0] * layer.positions for layer in architecture.layers)
