"""Measurements on models in training: accuracies, and how their steps are aligned."""

from __future__ import annotations

import torch
from torch import Tensor

from mnist_toy.architecture import Architecture
from mnist_toy.gradients import Gradients, packs
from mnist_toy.network import build_pass
from mnist_toy.tasks import LogitLayout, trait_labels
from subliminal.spec import Trait

IMAGES_AT_ONCE = 1000


@torch.no_grad()
def accuracy(
    architecture: Architecture,
    parameters: Tensor,
    layout: LogitLayout,
    images: Tensor,
    digits: Tensor,
) -> dict[Trait, Tensor]:
    """Measure how often the highest of a trait's logits is that of the right class, in float32.

    Args:
        architecture: Of the models.
        parameters: float32 [models, parameters].
        layout: Which logits belong to which trait.
        images: float32 [N, pixels], scaled to [-1, 1].
        digits: int64 [N].

    Returns:
        Trait -> proportion, float64 [models], on the cpu; NaN for a model with parameters that
        are not finite.
    """
    device = parameters.device
    models = len(parameters)
    counts = {trait: torch.zeros(models, dtype=torch.float64) for trait in layout.traits}
    for pack in packs(models, device):
        rows = slice(pack.start, pack.stop)
        for chunk, answers in zip(
            images.split(IMAGES_AT_ONCE), digits.split(IMAGES_AT_ONCE), strict=True
        ):
            evaluation = build_pass(
                architecture, len(pack), len(chunk), torch.float32, device, "nothing"
            )
            evaluation.weights.copy_(parameters[rows])
            x = chunk.to(device).expand(len(pack), *chunk.shape)
            logits = evaluation.forward(x)
            for trait, columns in layout.traits.items():
                chosen = logits[:, columns.start : columns.stop].argmax(1).cpu()
                counts[trait][rows] += (chosen == trait_labels(trait, answers.cpu())).sum(1)
    finite = parameters.isfinite().all(1).cpu()
    return {
        trait: (count / len(digits)).masked_fill(~finite, torch.nan)
        for trait, count in counts.items()
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
