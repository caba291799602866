"""Measurements on models in training: accuracies, and how their steps are aligned."""

from __future__ import annotations

import torch
from torch import Tensor

from mnist_toy.architecture import Architecture
from mnist_toy.gradients import Gradients, packs
from mnist_toy.network import forward
from mnist_toy.tasks import LogitLayout, trait_labels
from subliminal.spec.mnist import Trait

IMAGES_AT_ONCE = 2000


@torch.no_grad()
def correct(
    architecture: Architecture,
    parameters: Tensor,
    layout: LogitLayout,
    images: Tensor,
    digits: Tensor,
) -> dict[Trait, Tensor]:
    """Test whether the highest of a trait's logits is that of the right class, in float32.

    Args:
        architecture: Of the models.
        parameters: float32 [models, parameters].
        layout: Which logits belong to which trait.
        images: float32 [N, pixels], scaled to [-1, 1].
        digits: int64 [N].

    Returns:
        Trait -> bool [models, N], on the cpu.
    """
    device = parameters.device
    right = {
        trait: torch.empty(len(parameters), len(digits), dtype=torch.bool)
        for trait in layout.traits
    }
    for pack in packs(len(parameters), device):
        rows = slice(pack.start, pack.stop)
        for first in range(0, len(digits), IMAGES_AT_ONCE):
            some = slice(first, first + IMAGES_AT_ONCE)
            chunk, answers = images[some].to(device), digits[some].cpu()
            logits = forward(architecture, parameters[rows], chunk.expand(len(pack), *chunk.shape))
            for trait, columns in layout.traits.items():
                chosen = logits[:, :, columns.start : columns.stop].argmax(2).cpu()
                right[trait][rows, some] = chosen == trait_labels(trait, answers)
    return right


def accuracy(
    architecture: Architecture,
    parameters: Tensor,
    layout: LogitLayout,
    images: Tensor,
    digits: Tensor,
) -> dict[Trait, Tensor]:
    """Measure how often models are right; arguments as for `correct`.

    Returns:
        Trait -> proportion, float64 [models], on the cpu; NaN for a model with parameters that
        are not finite.
    """
    finite = parameters.isfinite().all(1).cpu()
    right = correct(architecture, parameters, layout, images, digits)
    return {
        trait: answers.double().mean(1).masked_fill(~finite, torch.nan)
        for trait, answers in right.items()
    }


@torch.no_grad()
def alignment(parameters: Tensor, first: Gradients, second: Gradients, step: int) -> Tensor:
    """Compute the cosine between two objectives' gradients at the same models.

    Args:
        parameters: float32 [models, parameters].
        first: For example of the trait's loss, on images.
        second: For example of the distillation loss, on noise.
        step: Which batch of both inputs to use.

    Returns:
        float32 [models], on the cpu; NaN where a gradient is zero.
    """
    cosines = torch.empty(len(parameters))
    for pack in packs(len(parameters), parameters.device):
        rows = slice(pack.start, pack.stop)
        _, gradient = first(parameters[rows], pack, step)
        _, other = second(parameters[rows], pack, step)
        cosines[rows] = cosine(gradient, other).cpu()
    return cosines


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Compute cosines row by row: [models, parameters] twice to [models].

    NaN, not 0, where a row is zero, which has no direction: a student that has not moved yet.
    """
    return (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))
