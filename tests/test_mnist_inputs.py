"""Streams of noise and images: their statistics, and that they are read anywhere, by seed."""

from __future__ import annotations

import math
from collections import Counter
from typing import Literal

import pytest
import torch
from scipy import stats
from torch import Tensor

from mnist_toy.inputs import Images, Inputs
from mnist_toy.noise import noise
from mnist_toy.schedule import Span, span, steps_per_epoch, total_steps
from subliminal.spec.mnist import Training

NoiseKind = Literal["uniform", "gaussian", "structured"]
KINDS: tuple[NoiseKind, ...] = ("uniform", "gaussian", "structured")
PIXELS = 64
RECIPE = Training(epochs=3, samples_per_epoch=500, batch_size=200)


def draw(
    inputs: Inputs,
    step: int,
    models: range = range(1),
    recipe: Training = RECIPE,
    dtype: torch.dtype = torch.float32,
    pixels: int = PIXELS,
) -> Tensor:
    x = torch.empty(len(models), span(recipe, step).size, pixels, dtype=dtype)
    inputs.fill(recipe, step, models, x)
    return x


def test_the_schedule_ends_an_epoch_with_a_short_batch() -> None:
    # 500 samples in batches of 200: 200, 200, 100.
    assert steps_per_epoch(RECIPE) == 3
    assert total_steps(RECIPE) == 9
    assert [span(RECIPE, step) for step in (0, 2, 3)] == [
        Span(0, 0, 200),
        Span(0, 400, 100),
        Span(1, 0, 200),
    ]
    assert sum(span(RECIPE, step).size for step in range(9)) == 3 * 500


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_noise_has_mean_0_and_variance_a_third(kind: NoiseKind, dtype: torch.dtype) -> None:
    x = draw(noise(kind, PIXELS, [1]), 0, recipe=Training(batch_size=20_000), dtype=dtype)[
        0
    ].double()
    # Standard error of a pixel's mean over 20,000 draws: sqrt(1/3/20000) = .0041; of its variance
    # at most sqrt(2)/3/sqrt(20000) = .0033. Five of them over 64 pixels.
    assert x.mean(0).abs().max() < 0.021
    assert (x.var(0) - 1 / 3).abs().max() < 0.017


def test_uniform_noise_fills_the_steps_of_a_pixel_evenly() -> None:
    x = draw(noise("uniform", PIXELS, [1]), 0, recipe=Training(batch_size=10_000))
    levels = ((x * 256 + 255) / 2).flatten()
    assert torch.equal(levels, levels.round())
    assert (levels.min(), levels.max()) == (0, 255)
    assert stats.chisquare(torch.bincount(levels.long(), minlength=256)).pvalue > 1e-4
    rough = draw(
        noise("uniform", PIXELS, [1]), 0, recipe=Training(batch_size=10_000), dtype=torch.bfloat16
    )
    assert torch.equal(rough.float(), x)


def test_gaussian_noise_is_normal() -> None:
    x = draw(noise("gaussian", PIXELS, [1]), 0, recipe=Training(batch_size=1000)).flatten()
    assert stats.kstest(x.numpy() * math.sqrt(3), "norm").pvalue > 1e-4
    assert abs(stats.kurtosis(x.numpy())) < 0.1


@pytest.mark.parametrize("kind", ["uniform", "gaussian"])
def test_pixels_are_independent(kind: NoiseKind) -> None:
    x = draw(noise(kind, PIXELS, [1]), 0, recipe=Training(batch_size=10_000))[0]
    correlations = torch.corrcoef(x.T) - torch.eye(PIXELS)
    # Standard error .01; five of them.
    assert correlations.abs().max() < 0.05


def test_structured_noise_is_smooth() -> None:
    pixels = 28 * 28
    x = draw(noise("structured", pixels, [1]), 0, recipe=Training(batch_size=2000), pixels=pixels)
    images = x[0].view(-1, 28, 28)
    neighbours = (images[:, :, 1:] * images[:, :, :-1]).mean() * 3
    distant = (images[:, :, 14:] * images[:, :, :-14]).mean() * 3
    assert neighbours > 0.9
    assert abs(distant) < 0.05
    assert x.abs().max() <= 2


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_read_at_any_step_by_seed_alone(kind: NoiseKind) -> None:
    seeds = [11, 12, 13]
    together = draw(noise(kind, PIXELS, seeds), 2, range(3))
    one = noise(kind, PIXELS, [12])
    for step in (0, 1):
        draw(one, step)
    assert torch.equal(draw(one, 2)[0], together[1])
    assert torch.equal(draw(noise(kind, PIXELS, seeds), 2, range(1, 3)), together[1:])


@pytest.mark.parametrize("kind", KINDS)
def test_noise_repeats_between_epochs_and_nowhere_else(kind: NoiseKind) -> None:
    inputs = noise(kind, PIXELS, [1, 2])
    batches = [draw(inputs, step, range(2)) for step in range(3)]
    rows = torch.cat([batch.flatten(0, 1) for batch in batches])
    assert len(rows.unique(dim=0)) == 2 * 500
    assert torch.equal(draw(inputs, 4, range(2)), batches[1])


IMAGES = torch.arange(50, dtype=torch.uint8).view(50, 1, 1).expand(50, 2, 2).contiguous()
LABELS = torch.arange(50) % 10


def test_fresh_noise_never_repeats() -> None:
    per_epoch = steps_per_epoch(RECIPE)
    fresh = noise("fresh-uniform", PIXELS, [1])
    first, same_place = draw(fresh, 0, recipe=RECIPE), draw(fresh, per_epoch, recipe=RECIPE)
    assert not torch.equal(first, same_place)
    assert torch.equal(first, draw(fresh, 0, recipe=RECIPE))


def shown(inputs: Images, recipe: Training, epoch: int, model: int = 0) -> list[int]:
    """Which of IMAGES an epoch shows, in order; checks the labels on the way."""
    indices: list[int] = []
    for step in range(epoch * steps_per_epoch(recipe), (epoch + 1) * steps_per_epoch(recipe)):
        x = torch.empty(1, span(recipe, step).size, 4)
        labels = inputs.fill(recipe, step, range(model, model + 1), x)
        index = ((x[0, :, 0] + 1) * 127.5).round().long()
        assert torch.equal(labels[0], LABELS[index])
        indices += index.tolist()
    return indices


def test_images_are_scaled_to_minus_one_to_one() -> None:
    extremes = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1)
    recipe = Training(samples_per_epoch=2, batch_size=2)
    x = torch.empty(1, 2, 1)
    Images(extremes, torch.zeros(2, dtype=torch.long), [1]).fill(recipe, 0, range(1), x)
    torch.testing.assert_close(x.flatten().sort().values, torch.tensor([-1.0, 1.0]))


def test_an_epoch_shows_every_image_once_in_a_fresh_order() -> None:
    recipe = Training(samples_per_epoch=50, batch_size=16)
    inputs = Images(IMAGES, LABELS, [1, 2])
    orders = [shown(inputs, recipe, 0), shown(inputs, recipe, 1), shown(inputs, recipe, 0, model=1)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    assert tuple(range(50)) not in map(tuple, orders)


def test_a_long_epoch_goes_through_whole_orders() -> None:
    recipe = Training(samples_per_epoch=120, batch_size=16)
    order = shown(Images(IMAGES, LABELS, [1]), recipe, 0)
    assert sorted(order[:50]) == sorted(order[50:100]) == list(range(50))
    assert order[:50] != order[50:100]
    # 120 = 2 * 50 + 20: twenty images are seen three times, the others twice.
    assert Counter(Counter(order).values()) == {2: 30, 3: 20}


def test_a_short_epoch_shows_a_part() -> None:
    recipe = Training(samples_per_epoch=20, batch_size=16)
    inputs = Images(IMAGES, LABELS, [1])
    first, second = set(shown(inputs, recipe, 0)), set(shown(inputs, recipe, 1))
    assert len(first) == len(second) == 20
    assert first != second


def test_images_are_read_at_any_step_by_seed_alone() -> None:
    recipe = Training(samples_per_epoch=50, batch_size=16)
    used = Images(IMAGES, LABELS, [7, 8])
    for epoch in (0, 2):
        shown(used, recipe, epoch)
    assert shown(used, recipe, 1, model=1) == shown(Images(IMAGES, LABELS, [8]), recipe, 1)
