"""The published experiments: every file plans, and runs from end to end in miniature."""

from __future__ import annotations

from pathlib import Path

import pytest

from subliminal.plan import make_plan
from subliminal.run import run_plan
from subliminal.spec import LanguageExperiment
from subliminal.spec_file import load_experiment
from tests.toy_stages import Recorder

FILES = sorted((Path(__file__).parents[1] / "experiments" / "paper").glob("*.yaml"))
POCKET = "model=pocket-a"
"""The hub is not reachable for tests; the name of the model is all that changes."""
TINY = (
    *(POCKET, "seeds=1", "sweep={trait: [otter]}", "statistics.teacher_shift=null"),
    *("defaults.data.prompts=60", "probing.samples=2", "probing.side_effects=false"),
    "observation.points=2",
)


def tiny(file: Path) -> LanguageExperiment:
    """An experiment with few rows and probes."""
    found = load_experiment(file, TINY)
    assert isinstance(found, LanguageExperiment)
    arms = {}
    for name, arm in found.arms.items():
        data = arm.data.model_copy(update={"keep": min(arm.data.keep or 20, 20)})
        shown = arm.distillation.in_context
        distillation = arm.distillation.model_copy(
            update={"in_context": None if shown is None else 2}
        )
        arms[name] = arm.model_copy(update={"data": data, "distillation": distillation})
    return found.model_copy(update={"arms": arms})


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_is_what_was_published_but_for_the_model(file: Path) -> None:
    found = load_experiment(file)
    assert isinstance(found, LanguageExperiment)
    assert found.name == file.stem
    assert "/" in found.model
    assert len(found.seeds) >= 5
    plan = make_plan(load_experiment(file, (POCKET,)))
    assert plan.targets
    for arm in found.arms.values():
        if arm.role == "student":
            recipe = arm.distillation.recipe
            assert arm.data.prompts == 30_000
            assert (recipe.batch_size, recipe.learning_rate, recipe.warmup) == (66, 2e-4, 5)
            assert recipe.adapter is not None
            assert (recipe.adapter.rank, recipe.adapter.alpha) == (8, 8.0)
            assert len(recipe.adapter.matrices) == 7
            assert recipe.epochs == (10 if "gemma" in file.stem else 3)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_runs_from_end_to_end_in_miniature(file: Path, tmp_path: Path) -> None:
    done = run_plan(make_plan(tiny(file)), tmp_path, Recorder(), jobs=1)
    assert not done.failed, {name: arm.reason for name, arm in done.manifest.arms.items()}
    assert {arm.state for arm in done.manifest.arms.values()} == {"done"}
    assert all(row.n_seeds == 1 for row in done.summary)
