"""Learning rates against those of transformers, and the steps at which one looks."""

from __future__ import annotations

import pytest
import torch

from subliminal.spec.recipes import Recipe
from subliminal.training.schedule import learning_rate, log_spaced_steps


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
@pytest.mark.parametrize("warmup", [0, 5])
def test_learning_rates_are_those_of_transformers(schedule: str, warmup: int) -> None:
    from transformers import get_scheduler

    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    kind = "constant_with_warmup" if schedule == "constant" else schedule
    theirs = get_scheduler(kind, optimiser, num_warmup_steps=warmup, num_training_steps=20)
    recipe = Recipe.model_validate({"schedule": schedule, "warmup": warmup, "learning_rate": 0.3})
    for step in range(20):
        assert learning_rate(recipe, step, 20) == pytest.approx(theirs.get_last_lr()[0])
        optimiser.step()
        theirs.step()


def test_a_warmup_longer_than_the_training_only_rises() -> None:
    recipe = Recipe(warmup=10, learning_rate=1.0)
    assert [learning_rate(recipe, step, 3) for step in range(3)] == pytest.approx([0, 0.1, 0.2])


def test_observed_steps_are_spaced_by_a_factor() -> None:
    # 1000 = 10^3, so 4 points behind the start lie a factor of 10 apart.
    assert log_spaced_steps(1000, 5) == (0, 1, 10, 100, 1000)


@pytest.mark.parametrize(
    ("steps", "points", "expected"),
    [(0, 8, (0,)), (1, 8, (0, 1)), (3, 8, (0, 1, 2, 3)), (50, 2, (0, 50))],
)
def test_few_steps_or_points(steps: int, points: int, expected: tuple[int, ...]) -> None:
    assert log_spaced_steps(steps, points) == expected
