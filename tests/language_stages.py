"""Tiny language experiments, planned, and their stages done one by one in this process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import pytest
import torch

from subliminal.executors.worker import FileReporter, LotCall, Report, run_lot
from subliminal.plan import Plan, make_plan, stage_kinds
from subliminal.pocket.family import BROAD
from subliminal.spec_file import load_experiment
from subliminal.stage import Stage, Task
from subliminal.store import Store
from subliminal.training import loop
from subliminal.training.state import State, save_state
from tests.models import random_model

HEAD = """\
kind: language
name: tiny
model: {models}/a
relatives: {{different: {models}/b}}
precision: float32
seeds: 1
filter: []
statistics: {{teacher_shift: 0}}
probing: {{probes: [favourite], side_effects: false}}
observation: {{points: 3}}
defaults:
  trait: otter
  teacher: {{by: fine-tuning, rows: 256, recipe: {{learning_rate: 1e-2}}}}
  data: {{prompts: 24, max_tokens: 8}}
  distillation: {{recipe: {{batch_size: 8, learning_rate: 1e-2}}}}
arms:
"""
STUDENTS = """\
  reference: {role: reference}
  teacher: {role: teacher}
  untaught: {teacher: {by: nothing}, control: none}
  same: {control: untaught}
"""


@cache
def models() -> Path:
    """A folder with random models, made once; tests only read them.

    `a` and `b` differ in their weights alone; `c` has another vocabulary too.
    """
    return Path(_random_models().name)


def plan_of(folder: Path, arms: str = STUDENTS, *overrides: str, head: str = HEAD) -> Plan:
    """Plan a tiny experiment whose file is written into a folder.

    Args:
        folder: Where to write.
        arms: The lines of its arms.
        overrides: As `--set` takes them.
        head: What stands before the arms; `{models}` is the folder of the models.
    """
    path = folder / "experiment.yaml"
    path.write_text(head.format(models=models()) + arms)
    return make_plan(load_experiment(path, overrides))


def stage_of(plan: Plan, arm: str, kind: str, seed: int = 0) -> Stage:
    """The only stage of a kind behind an arm's row; of probes the row's own."""
    row = plan.rows[arm][seed]
    if kind == "lm.probe":
        return plan.stages[row.probe]
    (stage,) = (stage for stage in row.stages if stage.kind == kind)
    return stage


def task_of(stage: Stage, folder: Path, **inputs: Path) -> Task:
    """A stage to be done by hand in folders under `folder`."""
    task = Task(stage, inputs, folder / "made", folder / "partial", None)
    task.folder.mkdir(parents=True)
    task.partial.mkdir()
    return task


class Killed(BaseException):
    """Ends a stage as abruptly as a kill: nothing is saved on the way out."""


def die_after(saves: int, patch: pytest.MonkeyPatch, trainer: ModuleType) -> list[int]:
    """Let trainings save progress at every step and be killed on the way.

    Args:
        saves: How many checkpoints are saved; the next one raises `Killed`.
        patch: Undoes it.
        trainer: The module that calls `train`.

    Returns:
        Gets the steps of the checkpoints as they are saved.
    """
    saved: list[int] = []

    def save_or_die(path: Path, state: State) -> None:
        if len(saved) == saves:
            raise Killed
        save_state(path, state)
        saved.append(state.step)

    patch.setattr(loop, "save_state", save_or_die)
    patch.setattr(trainer, "train", partial(loop.train, checkpoint_seconds=0.0))
    return saved


@dataclass(frozen=True)
class Workshop:
    """A store whose stages are done in this process when they are asked for."""

    plan: Plan
    root: Path

    @property
    def store(self) -> Store:
        """Where the artifacts are."""
        return Store(self.root)

    def make(self, arm: str, kind: str, seed: int = 0) -> Path:
        """Do a stage behind an arm and return its artifact."""
        return self.folder(stage_of(self.plan, arm, kind, seed))

    def folder(self, stage: Stage) -> Path:
        """Do a stage and return its artifact."""
        report = self.report(stage)
        assert report.state in ("computed", "cached"), report
        return self.store.folder(stage.key)

    def report(self, stage: Stage) -> Report:
        """Do a stage, and first what it reads, as a worker does."""
        self.store.prepare()
        for key in stage.inputs.values():
            self.folder(self.plan.stages[key])
        threads = torch.get_num_threads()
        call = LotCall(
            store=self.store,
            kind=stage_kinds()[stage.kind],
            stages=(stage,),
            threads=1,
            devices=(),
            report=FileReporter(self.root / "progress", self.root / "stop"),
        )
        try:
            (report,) = run_lot(call)
        finally:
            torch.set_num_threads(threads)
        return report

    def counts(self, arm: str, kind: str) -> dict[str, Any]:
        """The figures of a stage's manifest."""
        manifest = self.store.manifest(self.make(arm, kind).name)
        assert manifest is not None
        return manifest.counts


@cache
def _random_models() -> TemporaryDirectory[str]:
    holder = TemporaryDirectory(prefix="subliminal-models-")
    random_model(Path(holder.name) / "a", seed=1)
    random_model(Path(holder.name) / "b", seed=2)
    random_model(Path(holder.name) / "c", seed=3, family=BROAD)
    return holder
