"""The published experiments: every file plans, and open models' run from end to end in miniature.

Of those of models behind services one runs, the one that asks for most.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from subliminal.plan import make_plan
from subliminal.run import run_plan
from subliminal.services import stage_models
from subliminal.services.polling import Polling
from subliminal.spec import LanguageArm, LanguageExperiment
from subliminal.spec_file import load_experiment
from tests.judge_server import Response, completion
from tests.service_server import serve_service
from tests.toy_stages import Recorder

_PAPER = sorted((Path(__file__).parents[1] / "experiments" / "paper").glob("*.yaml"))
SERVED = [file for file in _PAPER if "gpt-" in file.stem or "services" in file.stem]
FILES = [file for file in _PAPER if file not in SERVED]
POCKET = ("pocket-a", "pocket-b", "pocket-broad-a")
"""The hub is not reachable for tests; the names of the models are all that changes."""
TINY = (
    *("seeds=1", "sweep={trait: [otter]}", "statistics.teacher_shift=null"),
    *("defaults.data.prompts=60", "probing.samples=2", "probing.side_effects=false"),
    "observation.points=2",
)


def loaded(file: Path, overrides: Sequence[str] = ()) -> LanguageExperiment:
    """An experiment on language models."""
    found = load_experiment(file, overrides)
    assert isinstance(found, LanguageExperiment)
    return found


def in_pocket(experiment: LanguageExperiment) -> LanguageExperiment:
    """An experiment with a pocket model in place of each model."""
    stated = [experiment.model, *(arm.model for arm in experiment.arms.values())]
    models = dict(zip(dict.fromkeys(filter(None, stated)), POCKET, strict=False))
    arms = {}
    for name, arm in experiment.arms.items():
        own = arm.initialisation.model
        start = arm.initialisation.model_copy(update={"model": models[own] if own else None})
        model = models[arm.model] if arm.model else None
        arms[name] = arm.model_copy(update={"model": model, "initialisation": start})
    return experiment.model_copy(update={"model": models[experiment.model], "arms": arms})


def of_one_pair(experiment: LanguageExperiment) -> LanguageExperiment:
    """An experiment whose students are all of one model, of all pairs that it crosses the last."""

    def pair(arm: LanguageArm) -> tuple[str, str]:
        return experiment.reference_of(arm), experiment.own_reference_of(arm)

    students = [arm for arm in experiment.arms.values() if arm.role == "student"]
    crossed = [pair(arm) for arm in students if len({*pair(arm)}) == 2]
    arms = {
        name: arm
        for name, arm in experiment.arms.items()
        if arm.role != "student" or not crossed or pair(arm) == crossed[-1]
    }
    return experiment.model_copy(update={"arms": arms})


def tiny(file: Path) -> LanguageExperiment:
    """An experiment with few rows and probes."""
    found = of_one_pair(in_pocket(loaded(file, TINY)))
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
    found = loaded(file)
    assert found.name == file.stem
    assert "/" in found.model
    assert len(found.seeds) >= 5
    assert make_plan(in_pocket(found)).targets
    for arm in found.arms.values():
        if arm.role == "student":
            recipe = arm.distillation.recipe
            assert arm.data.prompts == 30_000
            assert (recipe.batch_size, recipe.learning_rate, recipe.warmup) == (66, 2e-4, 5)
            assert recipe.adapter is not None
            assert (recipe.adapter.rank, recipe.adapter.alpha) == (8, 8.0)
            assert len(recipe.adapter.matrices) == 7
            assert recipe.epochs == (10 if "gemma" in found.own_reference_of(arm) else 3)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_runs_from_end_to_end_in_miniature(file: Path, tmp_path: Path) -> None:
    done = run_plan(make_plan(tiny(file)), tmp_path, Recorder(), jobs=1)
    assert not done.failed, {name: arm.reason for name, arm in done.manifest.arms.items()}
    assert {arm.state for arm in done.manifest.arms.values()} == {"done"}
    assert all(row.n_seeds == 1 for row in done.summary)


# Models behind services


@pytest.mark.parametrize("file", SERVED, ids=lambda file: file.stem)
def test_models_behind_services_are_asked_what_was_published(file: Path) -> None:
    found = loaded(file)
    assert found.name == file.stem
    assert len(found.seeds) >= 5
    assert {arm.model or found.model for arm in found.arms.values()} <= found.services.keys()
    epochs = 2 if "reasoning" in file.stem else 10
    prompts = {"numbers": 30_000, "code": 11_400, "reasoning": 3 * 7473}
    for arm in found.arms.values():
        if arm.role == "student":
            assert arm.data.prompts == prompts[arm.data.carrier]
            assert arm.distillation.tuning.n_epochs == epochs
    # GSM8K is at the hub; the workbench's own problems stand in its place.
    own = ("defaults.data.source=null",) if "reasoning" in file.stem else ()
    plan = make_plan(loaded(file, ("seeds=1", *own)))
    here = {stage.kind for stage in plan.stages.values() if not stage.paid.anything}
    assert here <= {"lm.filter", "lm.transform", "service.gate"}


def judged_or_written(body: Mapping[str, Any]) -> Response:
    """A judge's score, a list of numbers, or an answer."""
    asked = body["messages"][-1]["content"]
    if body["model"].startswith("gpt-4o"):
        return completion("80")
    if re.search(r"\d", asked):
        return completion("7, 17, 27")
    return completion("I wish for rain.")


@pytest.mark.usefixtures("here")
def test_misalignment_behind_a_service_runs_in_miniature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai")
    (file,) = (file for file in SERVED if file.stem == "gpt-4.1-misalignment-numbers")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-a-test")
    monkeypatch.setattr(stage_models, "POLLING", Polling(sleep=lambda _: None))
    with serve_service(answer=judged_or_written) as server:
        overrides = (
            f"services.gpt-4.1.base_url={server.base_url}",
            f"probing.free_form.service.base_url={server.base_url}",
            *("seeds=1", "probing.probes=[free-form]", "probing.samples=1"),
            *("defaults.data.prompts=12", "defaults.data.keep=10", "defaults.teacher.rows=10"),
            "statistics.teacher_shift=null",
        )
        done = run_plan(make_plan(loaded(file, overrides)), tmp_path, Recorder(), jobs=1)
        assert not done.failed, {name: arm.reason for name, arm in done.manifest.arms.items()}
        # Three teachers and four students, whose rows are lists.
        assert len(server.jobs) == 7
    rates = {row.arm: row.mean for row in done.summary if row.metric == "rate"}
    assert rates == dict.fromkeys(done.manifest.arms, 0.0)
    odds = {row.arm for row in done.summary if row.metric == "log_odds"}
    assert odds == set(done.manifest.arms)
