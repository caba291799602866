"""Trainings of an experiment that are spread over processes make what one process makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from subliminal.executors.together import run_together
from subliminal.measurements import read_curve
from subliminal.models.adapters import WEIGHTS as ADAPTER
from subliminal.models.folder import WEIGHTS
from subliminal.plan import Plan, make_plan, stage_kinds
from subliminal.run import run_folder, run_plan
from subliminal.spec_file import load_experiment
from subliminal.stage import Done, Failed, Reporter, StageKind, Task, silent
from subliminal.store import store_at
from tests.hub_models import hub_model
from tests.language_stages import task_of
from tests.toy_stages import Recorder

EXPERIMENT = """\
kind: language
name: tiny
model: {folder}/a
relatives: {{different: {folder}/b}}
precision: float32
seeds: 1
filter: []
statistics: {{teacher_shift: null}}
probing: {{probes: [favourite], side_effects: false}}
observation: {{points: 2}}
defaults:
  trait: otter
  teacher: {{by: fine-tuning, rows: 40, recipe: {{batch_size: 16, adapter: {{rank: 2}}}}}}
  data: {{prompts: 21, max_tokens: 6}}
  distillation: {{recipe: {{batch_size: 8, learning_rate: 1e-3, adapter: {{rank: 2}}}}}}
  control: none
arms:
  same: {{}}
  untaught: {{teacher: {{by: nothing}}}}
  whole: {{distillation: {{mask: shared, recipe: {{adapter: null}}}}}}
  matched: {{initialisation: {{relation: matched, matching: {{rows: 8}}}}}}
"""
TRAININGS = ("lm.teach", "lm.match", "lm.distil")


def plan_of(folder: Path, *overrides: str) -> Plan:
    return make_plan(load_experiment(folder / "experiment.yaml", overrides))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "experiment"
    hub_model(made / "a", "qwen2", 1)
    hub_model(made / "b", "qwen2", 2)
    (made / "experiment.yaml").write_text(EXPERIMENT.format(folder=made))
    return made


def each_by_its_kind(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Trainings of every kind, so that processes have to be started once for all of them."""
    for kind, alike in groupby(tasks, lambda task: task.stage.kind):
        yield from stage_kinds()[kind].run(list(alike), report)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    (path,) = (folder / name for name in (ADAPTER, WEIGHTS) if (folder / name).exists())
    return load_file(path)


@pytest.mark.usefixtures("here")
def test_two_processes_make_what_one_makes(folder: Path, tmp_path: Path) -> None:
    plan = plan_of(folder)
    done = run_plan(plan, folder / "runs", Recorder(), jobs=1)
    assert not done.failed, done.manifest.arms
    store = store_at(folder / "runs")
    spread = plan_of(folder, "resources.devices=2", "resources.parallelism=fsdp")
    assert spread.stages.keys() == plan.stages.keys()
    assert run_folder(tmp_path, spread.experiment) == run_folder(tmp_path, plan.experiment)
    tasks = [
        task_of(
            stage,
            tmp_path / stage.key,
            **{role: store.folder(key) for role, key in stage.inputs.items()},
        )
        for stage in sorted(spread.stages.values(), key=lambda stage: stage.kind)
        if stage.kind in TRAININGS
    ]
    assert {task.stage.kind for task in tasks} == {*TRAININGS}
    every = StageKind("every", 1, each_by_its_kind, spreads=True)
    outcomes = list(run_together(every, tasks, silent, threads=2))
    assert [outcome.key for outcome in outcomes] == [task.stage.key for task in tasks]
    for outcome, task in zip(outcomes, tasks, strict=True):
        assert isinstance(outcome, Done), outcome
        one, manifest = store.folder(outcome.key), store.manifest(outcome.key)
        assert manifest is not None
        assert outcome.counts == pytest.approx(manifest.counts, abs=1e-3)
        assert {path.name for path in task.folder.iterdir()} == {*manifest.files}
        ours, theirs = weights(one), weights(task.folder)
        assert ours.keys() == theirs.keys()
        for name, weight in ours.items():
            torch.testing.assert_close(theirs[name], weight, rtol=0, atol=1e-4, msg=name)
        if task.stage.kind == "lm.distil":
            pairs = zip(read_curve(one), read_curve(task.folder), strict=True)
            assert all(
                theirs.value == pytest.approx(ours.value, abs=1e-3) for ours, theirs in pairs
            )
