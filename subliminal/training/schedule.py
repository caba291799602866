"""From a recipe to numbers for each step."""

from __future__ import annotations

import math

import numpy as np

from subliminal.spec.recipes import Recipe


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """The learning rate of a step, counted from 0, of `steps` in all."""
    if step < recipe.warmup:
        return recipe.learning_rate * step / recipe.warmup
    progress = (step - recipe.warmup) / max(1, steps - recipe.warmup)
    match recipe.schedule:
        case "linear":
            factor = 1.0 - progress
        case "cosine":
            factor = 0.5 * (1.0 + math.cos(math.pi * progress))
        case "constant":
            factor = 1.0
    return recipe.learning_rate * factor


def log_spaced_steps(steps: int, points: int) -> tuple[int, ...]:
    """Steps at which to observe a training: the start, the end, and between them ever rarer ones.

    Args:
        steps: Of the whole training.
        points: At most so many, at least 2; fewer where steps are few.
    """
    spaced = np.geomspace(steps, 1, points - 1) if steps else np.zeros(0)
    return tuple(sorted({0, *(round(float(step)) for step in spaced)}))
