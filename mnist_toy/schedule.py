"""From a training budget to steps: which samples of which epoch a step sees."""

from __future__ import annotations

from dataclasses import dataclass

from subliminal.spec.mnist import Training


@dataclass(frozen=True)
class Span:
    """The samples of one batch.

    Attributes:
        epoch: Counted from 0.
        start: Position of the first sample in the epoch.
        size: Number of samples; the last batch of an epoch may be short.
    """

    epoch: int
    start: int
    size: int


def steps_per_epoch(recipe: Training) -> int:
    """Count the batches of an epoch, a short last one included."""
    return -(-recipe.samples_per_epoch // recipe.batch_size)


def total_steps(recipe: Training) -> int:
    """Count the batches of the whole training."""
    return recipe.epochs * steps_per_epoch(recipe)


def span(recipe: Training, step: int) -> Span:
    """Find the samples of a step, counted from 0."""
    epoch, batch = divmod(step, steps_per_epoch(recipe))
    start = batch * recipe.batch_size
    return Span(epoch, start, min(recipe.batch_size, recipe.samples_per_epoch - start))
