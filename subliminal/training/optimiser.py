"""AdamW and SGD on one flat vector, in place.

PyTorch's fused functional Adam: one pass over parameters, gradient and moments.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim.adam import adam

from subliminal.spec.recipes import Recipe


def initial_moments(recipe: Recipe, parameters: Tensor) -> dict[str, Tensor]:
    """Make the optimiser's memory of no steps yet, by name, each like the float32 parameters."""
    names = ("exp_avg", "exp_avg_sq") if recipe.optimiser == "adam" else ()
    return {name: torch.zeros_like(parameters) for name in names}


def clip(gradient: Tensor, norm: Tensor, largest: float) -> None:
    """Scale a gradient, or a part of it, down to a norm, if the whole has a larger one."""
    gradient *= (largest / (norm + 1e-6)).clamp_(max=1.0)


def update(
    recipe: Recipe,
    learning_rate: float,
    parameters: Tensor,
    decaying: Tensor,
    gradient: Tensor,
    moments: Mapping[str, Tensor],
    step: int,
) -> None:
    """Take one step.

    Args:
        recipe: Optimiser and weight decay, which is decoupled from the gradient.
        learning_rate: Of this step.
        parameters: float32 [parameters].
        decaying: The part of them, as a view, that decays.
        gradient: float32 [parameters].
        moments: As from `initial_moments`.
        step: Number of steps taken before.
    """
    if recipe.weight_decay:
        decaying *= 1.0 - learning_rate * recipe.weight_decay
    if recipe.optimiser == "sgd":
        parameters.add_(gradient, alpha=-learning_rate)
        return
    adam(
        [parameters],
        [gradient],
        [moments["exp_avg"]],
        [moments["exp_avg_sq"]],
        [],
        [torch.tensor(float(step), device=parameters.device)],
        fused=True,
        amsgrad=False,
        beta1=recipe.betas[0],
        beta2=recipe.betas[1],
        lr=learning_rate,
        weight_decay=0.0,
        eps=1e-8,
        maximize=False,
    )
