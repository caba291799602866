"""The gradient of an objective at a stack of models, on the inputs of a step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mnist_toy.architecture import Architecture
from mnist_toy.inputs import Inputs
from mnist_toy.network import Pass, Trains, build_pass
from mnist_toy.objectives import Objective, loss_and_gradient, targets
from mnist_toy.schedule import span
from subliminal.machine import Precision
from subliminal.spec.mnist import Training

DTYPES: dict[Precision, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def packs(models: int, device: torch.device) -> list[range]:
    """Say which models share matrix products: each alone on the cpu, elsewhere all of them."""
    alone = device.type == "cpu"
    return [range(i, i + 1) for i in range(models)] if alone else [range(models)]


@dataclass(eq=False)
class _Workspace:
    """Memory for one number of models and one batch size.

    Attributes:
        loaded: The models whose targets' weights are in `targets`.
    """

    x: Tensor
    student: Pass
    targets: list[Pass]
    gradient: Tensor
    loaded: range | None = None


class Gradients:
    """Computes gradients for a fixed objective; keeps its memory from call to call."""

    def __init__(
        self,
        architecture: Architecture,
        objective: Objective,
        inputs: Inputs,
        recipe: Training,
        precision: Precision,
        device: torch.device,
        freeze_head: bool = False,
    ) -> None:
        self._architecture = architecture
        self._objective = objective
        self._inputs = inputs
        self._recipe = recipe
        self._dtype = DTYPES[precision]
        self._device = device
        self._trains: Trains = "hidden" if freeze_head else "all"
        self._targets = targets(objective)
        self._workspaces: dict[tuple[int, int], _Workspace] = {}

    def __call__(self, parameters: Tensor, models: range, step: int) -> tuple[Tensor, Tensor]:
        """Compute loss [models] and gradient [models, parameters], both float32.

        Args:
            parameters: float32 [models, parameters].
            models: Which of the streams and targets belong to them.
            step: Whose inputs to use.

        Returns:
            The gradient is overwritten by the next call.
        """
        work = self._workspace(len(models), span(self._recipe, step).size)
        digits = self._inputs.fill(self._recipe, step, models, work.x)
        target_logits: dict[int, Tensor] = {}
        for target, frozen in zip(self._targets, work.targets, strict=True):
            if work.loaded != models:
                frozen.weights.copy_(target.parameters[models.start : models.stop])
            target_logits[id(target)] = frozen.forward(work.x)
        work.loaded = models
        work.student.weights.copy_(parameters)
        logits = work.student.forward(work.x)
        loss, logits_gradient = loss_and_gradient(
            self._objective, logits, target_logits, digits, step
        )
        work.student.backward(logits_gradient)
        return loss, work.gradient.copy_(work.student.gradient)

    def _workspace(self, models: int, batch: int) -> _Workspace:
        if (models, batch) not in self._workspaces:
            self._workspaces[models, batch] = self._allocate(models, batch)
        return self._workspaces[models, batch]

    def _allocate(self, models: int, batch: int) -> _Workspace:
        def passes(architecture: Architecture, trains: Trains) -> Pass:
            return build_pass(architecture, models, batch, self._dtype, self._device, trains)

        student = passes(self._architecture, self._trains)
        return _Workspace(
            x=torch.empty(
                models, batch, self._architecture.inputs, dtype=self._dtype, device=self._device
            ),
            student=student,
            targets=[passes(target.architecture, "nothing") for target in self._targets],
            gradient=torch.zeros_like(student.gradient, dtype=torch.float32),
        )
