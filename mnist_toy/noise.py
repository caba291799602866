"""Inputs of pure noise, drawn anew whenever they are needed and never kept.

As in the published experiments, an epoch is a pass over one finite set of noise images: step k of
every epoch draws the same batch. Fresh noise in every epoch teaches students more (docs/mnist.md).

All kinds have the power of the published one, uniform on [-1, 1]: mean 0, variance 1/3 at every
pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

from mnist_toy.inputs import Inputs, random_bits
from mnist_toy.schedule import span
from subliminal.spec.mnist import Training

STRUCTURE_SCALE = 4


def noise(
    kind: Literal["uniform", "fresh-uniform", "gaussian", "structured"],
    pixels: int,
    seeds: Sequence[int],
) -> Inputs:
    """Make streams of noise, one for each of `seeds`."""
    if kind in ("uniform", "fresh-uniform"):
        return UniformNoise(seeds, fresh=kind == "fresh-uniform")
    if kind == "gaussian":
        return GaussianNoise(seeds)
    return StructuredNoise(pixels, seeds)


class UniformNoise:
    """Independent pixels, uniform on [-1, 1] in 256 steps, as many as a pixel of an image has.

    The values are the middles of the steps, (2u - 255) / 256: exact in bfloat16, mean 0, variance
    1/3 - 5.1e-6. Fresh noise is new in every epoch; otherwise the epochs repeat one set of images,
    as published.
    """

    def __init__(self, seeds: Sequence[int], *, fresh: bool = False) -> None:
        self._seeds = tuple(seeds)
        self._fresh = fresh

    def fill(self, recipe: Training, step: int, models: range, x: Tensor) -> None:
        """See `Inputs`."""
        place = span(recipe, step)
        position = (place.epoch, place.start) if self._fresh else (place.start,)
        for model, out in zip(models, x, strict=True):
            words = -(-out.numel() // 8)
            bits = torch.from_numpy(random_bits(self._seeds[model], position, words))
            out.copy_(bits.view(torch.int8)[: out.numel()].view(out.shape))
        torch.add(x.new_tensor(1 / 256), x, alpha=1 / 128, out=x)


class GaussianNoise:
    """Independent pixels from a normal distribution of variance 1/3.

    The values are the 65,536 quantiles at the middles of equal steps of probability, which ends
    the tails at 4.3 standard deviations.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._seeds = tuple(seeds)
        quantiles = ndtri((np.arange(2**16) + 0.5) / 2**16)
        quantiles /= quantiles.std() * math.sqrt(3)
        self._quantiles = torch.from_numpy(quantiles)

    def fill(self, recipe: Training, step: int, models: range, x: Tensor) -> None:
        """See `Inputs`."""
        first = span(recipe, step).start
        quantiles = self._quantiles.to(x.dtype)
        for model, out in zip(models, x, strict=True):
            words = -(-out.numel() // 4)
            bits = random_bits(self._seeds[model], (first,), words).view(np.uint16)
            index = torch.from_numpy(bits[: out.numel()].astype(np.int32))
            out.copy_(quantiles.index_select(0, index).view(out.shape))


class StructuredNoise:
    """Smooth noise: a coarse grid of uniform noise, interpolated bilinearly to the image.

    The grid has a quarter of the image's size. Each pixel is scaled to variance 1/3, because
    interpolation would leave less of it between grid points; values may reach [-2, 2].
    """

    def __init__(self, pixels: int, seeds: Sequence[int]) -> None:
        side = math.isqrt(pixels)
        coarse = max(2, side // STRUCTURE_SCALE)
        self._grid = UniformNoise(seeds)
        basis = torch.eye(coarse * coarse).view(-1, 1, coarse, coarse)
        spread = torch.nn.functional.interpolate(basis, size=(side, side), mode="bilinear")
        self._spread = torch.nn.functional.normalize(spread.flatten(1), dim=0)

    def fill(self, recipe: Training, step: int, models: range, x: Tensor) -> None:
        """See `Inputs`."""
        spread = self._spread.to(x.device, x.dtype)
        grid = x.new_empty(len(models), x.shape[1], len(spread))
        self._grid.fill(recipe, step, models, grid)
        torch.matmul(grid, spread, out=x)
