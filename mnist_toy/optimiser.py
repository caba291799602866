"""Adam and SGD over a stack of models as one flat tensor.

PyTorch's fused functional optimisers, with its defaults: one pass over parameters, gradient and
moments.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from subliminal.spec.mnist import Training


def initial_moments(recipe: Training, parameters: Tensor) -> dict[str, Tensor]:
    """Make the optimiser's memory of no steps yet, each float32 [models, parameters]."""
    if recipe.optimiser == "adam":
        names = ["exp_avg", "exp_avg_sq"]
    else:
        names = ["momentum"] if recipe.momentum else []
    return {name: torch.zeros_like(parameters) for name in names}


def update(
    recipe: Training,
    parameters: Tensor,
    gradient: Tensor,
    moments: Mapping[str, Tensor],
    step: int,
) -> None:
    """Take one step, in place.

    Args:
        recipe: Optimiser and learning rate.
        parameters: float32 [models, parameters].
        gradient: The same shape; may be overwritten.
        moments: As from `initial_moments`.
        step: Number of steps taken before.
    """
    if recipe.optimiser == "adam":
        adam(
            [parameters],
            [gradient],
            [moments["exp_avg"]],
            [moments["exp_avg_sq"]],
            [],
            [torch.tensor(float(step), device=parameters.device)],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=recipe.learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
    else:
        sgd(
            [parameters],
            [gradient],
            [moments.get("momentum")],
            fused=True,
            weight_decay=0.0,
            momentum=recipe.momentum,
            lr=recipe.learning_rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )
