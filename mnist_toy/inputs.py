"""What models are shown: noise drawn for each step, or images in a fresh order for each epoch.

Every model has its own stream, and a stream is read at any step without the ones before: a
resumed training sees exactly the batches that an uninterrupted one sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnist_toy.schedule import Span, span
from subliminal.spec.mnist import Training


class Inputs(Protocol):
    """Streams of batches, one for each model."""

    def fill(self, recipe: Training, step: int, models: range, x: Tensor) -> Tensor | None:
        """Write one batch for some of the models.

        Args:
            recipe: Batch size and samples in an epoch.
            step: Counted from 0.
            models: Which of the streams.
            x: [models, batch, pixels], to be written; its size is that of the step.

        Returns:
            Labels, int64 [models, batch], where the inputs have them.
        """
        ...


def random_bits(seed: int, position: Sequence[int], words: int) -> NDArray[np.uint64]:
    """Draw 64-bit words that depend on the seed and the position in its stream alone."""
    # Raw output of a bit generator: numpy promises never to change it, and it is the fastest.
    generator = np.random.SFC64(np.random.SeedSequence([seed, *position]))
    return generator.random_raw(words)


class Images:
    """Images in a fresh random order for each model and epoch.

    An epoch longer than the data set goes on with further orders; each is complete before the
    next begins.
    """

    def __init__(self, images: Tensor, labels: Tensor, seeds: Sequence[int]) -> None:
        """Keep the images, where they are.

        Args:
            images: uint8 [N, H, W], raw values, on the device of the training.
            labels: int64 [N], on the same device.
            seeds: One for each model.
        """
        self._images = images.flatten(1)
        self._labels = labels
        self._seeds = tuple(seeds)
        self._orders: dict[int, tuple[tuple[int, int], NDArray[np.int64]]] = {}

    def fill(self, recipe: Training, step: int, models: range, x: Tensor) -> Tensor:
        """See `Inputs`."""
        place = span(recipe, step)
        chosen = torch.from_numpy(np.stack([self._indices(model, place) for model in models]))
        chosen = chosen.to(self._images.device)
        pixels = self._images.index_select(0, chosen.flatten())
        x.copy_(pixels.view(x.shape))
        torch.add(x.new_tensor(-1.0), x, alpha=2 / 255, out=x)
        return self._labels[chosen]

    def _indices(self, model: int, place: Span) -> NDArray[np.int64]:
        size = len(self._images)
        parts = []
        start, left = place.start, place.size
        while left:
            cycle, offset = divmod(start, size)
            part = self._order(model, place.epoch, cycle)[offset : offset + left]
            parts.append(part)
            start, left = start + len(part), left - len(part)
        return np.concatenate(parts)

    def _order(self, model: int, epoch: int, cycle: int) -> NDArray[np.int64]:
        """Draw an order, or take the last one of this model again."""
        known = self._orders.get(model)
        if known is None or known[0] != (epoch, cycle):
            bits = random_bits(self._seeds[model], (epoch, cycle), len(self._images))
            known = ((epoch, cycle), np.argsort(bits, kind="stable"))
            self._orders[model] = known
        return known[1]
