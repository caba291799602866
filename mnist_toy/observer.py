"""What is written down while students learn: accuracy, and alignment with the trait."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mnist_toy import objectives
from mnist_toy.architecture import Architecture
from mnist_toy.data import ImageData, scaled
from mnist_toy.gradients import Gradients
from mnist_toy.inputs import Images, Inputs
from mnist_toy.objectives import Objective
from mnist_toy.observe import accuracy, alignment, cosine
from mnist_toy.state import State
from mnist_toy.tasks import LogitLayout
from subliminal.machine import Precision
from subliminal.measurements import Observed
from subliminal.spec.mnist import Observation, Training

Observer = Callable[[Sequence[int], State, Objective, Inputs], list[list[Observed]]]
"""Takes the places of models in their lot, their state, and what they are trained on; gives rows
for each model."""


def log_steps(steps: int, points: int) -> tuple[int, ...]:
    """About `points` steps from 0 to `steps`, evenly spaced on a logarithmic axis."""
    if steps == 0:
        return (0,)
    spaced = np.geomspace(1, steps, max(points - 1, 1)).round().astype(int)
    return tuple(sorted({0, steps, *spaced.tolist()}))


@dataclass(frozen=True, eq=False)
class StudentObserver:
    """Measures students of one lot.

    Attributes:
        architecture: Of the students.
        layout: Which logits belong to which trait.
        data: Where the trait is tested, and whose training images give its gradient.
        observation: How much to measure.
        start: Where the students started, float32 [models, parameters].
        teacher_shift: How their teachers moved when they were taught, the same shape; None where
            the two cannot be compared.
        trait_streams: Seeds of the batches for the trait's gradient, one for each student.
        precision: Of the gradients.
    """

    architecture: Architecture
    layout: LogitLayout
    data: ImageData
    observation: Observation
    start: Tensor
    teacher_shift: Tensor | None
    trait_streams: Sequence[int]
    precision: Precision

    def __call__(
        self, chosen: Sequence[int], state: State, objective: Objective, inputs: Inputs
    ) -> list[list[Observed]]:
        """See `Observer`."""
        columns = list(self._accuracies(state))
        if self.observation.alignment:
            columns.append(
                ("gradient_cosine", "all", self._gradients(chosen, state, objective, inputs))
            )
            if self.teacher_shift is not None:
                moved = state.parameters.cpu() - self.start[list(chosen)]
                shift = self.teacher_shift[list(chosen)]
                columns.append(("displacement_cosine", "all", cosine(moved, shift)))
        return [
            [
                Observed(
                    step=state.step,
                    metric=metric,
                    item_group=group,
                    value=_finite(values[model].item()),
                )
                for metric, group, values in columns
            ]
            for model in range(len(chosen))
        ]

    def _accuracies(self, state: State) -> Iterator[tuple[str, str, Tensor]]:
        """Accuracy on test images taken at even distances: the halves of MNIST differ."""
        total = len(self.data.test_labels)
        some = torch.linspace(0, total - 1, min(self.observation.test_images, total)).long()
        images, digits = scaled(self.data.test_images[some]), self.data.test_labels[some]
        found = accuracy(self.architecture, state.parameters, self.layout, images, digits)
        for trait, values in found.items():
            yield "accuracy", trait, values

    def _gradients(
        self, chosen: Sequence[int], state: State, objective: Objective, inputs: Inputs
    ) -> Tensor:
        """Cosine of the gradients of trait and distillation: above 0, one step lowers both."""
        recipe, device = Training(), state.parameters.device
        streams = [self.trait_streams[place] for place in chosen]
        images = Images(
            self.data.train_images.to(device), self.data.train_labels.to(device), streams
        )
        trait = objectives.teach(self.layout)
        of_trait = Gradients(self.architecture, trait, images, recipe, self.precision, device)
        of_task = Gradients(self.architecture, objective, inputs, recipe, self.precision, device)
        return alignment(state.parameters, of_trait, of_task, state.step)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
