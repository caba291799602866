"""How often models are right about each trait, over all test images and for each digit."""

from __future__ import annotations

import torch
from torch import Tensor

from mnist_toy.architecture import Architecture
from mnist_toy.data import CLASSES, ImageData, scaled
from mnist_toy.network import forward
from mnist_toy.tasks import LogitLayout, trait_labels
from subliminal.measurements import Measurement
from subliminal.spec import Trait

IMAGES_AT_ONCE = 2000


def correct(
    architecture: Architecture,
    layout: LogitLayout,
    parameters: Tensor,
    images: Tensor,
    digits: Tensor,
) -> dict[Trait, Tensor]:
    """Test models on images.

    Args:
        architecture: Of the models.
        layout: Which logits belong to which trait.
        parameters: [models, parameters]; precision and device of the computation.
        images: uint8 [N, H, W].
        digits: int64 [N], their labels.

    Returns:
        For each trait, whether each model is right about each image: bool [models, N], on the cpu.
    """
    right: dict[Trait, list[Tensor]] = {trait: [] for trait in layout.traits}
    for part, labels in zip(
        images.split(IMAGES_AT_ONCE), digits.split(IMAGES_AT_ONCE), strict=True
    ):
        x = scaled(part).to(parameters)
        logits = torch.cat([forward(architecture, p[None], x[None]) for p in parameters]).cpu()
        for trait, columns in layout.traits.items():
            answer = logits[:, :, columns.start : columns.stop].argmax(2)
            right[trait].append(answer == trait_labels(trait, labels))
    return {trait: torch.cat(parts, 1) for trait, parts in right.items()}


def measure(
    architecture: Architecture, layout: LogitLayout, parameters: Tensor, data: ImageData
) -> list[list[Measurement]]:
    """Measure accuracy on the test images, one list of rows for each model.

    The probe of a row is the trait; its item group is `all`, or one digit.
    """
    digits = data.test_labels
    groups = {"all": torch.ones_like(digits, dtype=torch.bool)}
    groups |= {f"digit {digit}": digits == digit for digit in range(CLASSES)}
    right = correct(architecture, layout, parameters, data.test_images, digits)
    return [
        [
            Measurement(
                probe=trait,
                metric="accuracy",
                item_group=group,
                value=answers[model, members].double().mean().item(),
                n=int(members.sum()),
            )
            for trait, answers in right.items()
            for group, members in groups.items()
        ]
        for model in range(len(parameters))
    ]
