"""How often models are right about each trait, over all test images and for each digit."""

from __future__ import annotations

import torch
from torch import Tensor

from mnist_toy.architecture import Architecture
from mnist_toy.data import CLASSES, ImageData, scaled
from mnist_toy.observe import correct
from mnist_toy.tasks import LogitLayout
from subliminal.measurements import Measurement


def measure(
    architecture: Architecture, layout: LogitLayout, parameters: Tensor, data: ImageData
) -> list[list[Measurement]]:
    """Measure accuracy on the test images, one list of rows for each model.

    The probe of a row is the trait; its item group is `all`, or one digit.
    """
    digits = data.test_labels
    groups = {"all": torch.ones_like(digits, dtype=torch.bool)}
    groups |= {f"digit {digit}": digits == digit for digit in range(CLASSES)}
    right = correct(architecture, parameters, layout, scaled(data.test_images), digits)
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
