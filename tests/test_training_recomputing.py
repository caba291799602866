"""Gradient checkpointing: less is kept for the backward pass, and the same comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from subliminal.models.load import load_model
from subliminal.models.pretrained import Pretrained
from subliminal.spec.recipes import Adapter, Recipe
from subliminal.spec.resources import Resources
from subliminal.training import recomputing
from subliminal.training.log import TrainingLog
from subliminal.training.loop import train
from subliminal.training.losses import completion_loss
from subliminal.training.sources import DataSet
from tests.hub_models import hub_model
from tests.training_rows import assert_same_weights, random_rows

RECIPES = {
    "adapter": Recipe(batch_size=8, learning_rate=0.02, adapter=Adapter(rank=3)),
    "whole": Recipe(batch_size=8, learning_rate=0.005, average=0.5),
}


def trained(
    folder: Path, recipe: Recipe, setting: Literal["auto"] | bool
) -> tuple[Pretrained, TrainingLog, int]:
    """Train a model; say how many numbers were kept for backward passes."""
    model, kept = load_model(folder), 0

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal kept
        kept += tensor.numel()
        return tensor

    assert isinstance(model, Pretrained)
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        log = train(
            model,
            DataSet(random_rows(24), recipe, 3),
            completion_loss,
            recipe,
            seed=4,
            dtype=torch.bfloat16,
            resources=Resources(gradient_checkpointing=setting),
        )
    return model, log, kept


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("architecture", ["qwen2", "gemma3_text"])
def test_what_is_computed_again_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, architecture: str
) -> None:
    folder = hub_model(tmp_path / "m", architecture)
    plain, expected, kept = trained(folder, RECIPES[name], False)
    again, found, kept_again = trained(folder, RECIPES[name], True)
    assert found.losses.tolist() == expected.losses.tolist()
    assert_same_weights(again, plain)
    assert kept_again < 0.4 * kept
    assert not any("forward" in vars(block) for block in again.blocks)

    assert trained(folder, RECIPES[name], "auto")[2] == kept
    monkeypatch.setattr(recomputing, "LARGE", 1000)
    assert trained(folder, RECIPES[name], "auto")[2] == kept_again
