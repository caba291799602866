"""A training that is killed goes on from its checkpoint, and ends as if nothing had happened."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_toy import lot
from mnist_toy.lot import STATE
from mnist_toy.models import MODEL
from mnist_toy.stages import DISTIL, TEACH
from mnist_toy.state import State, load_state, save_state
from mnist_toy.training import Hooks
from subliminal.executors.worker import FileReporter, LotCall, Report, run_lot
from subliminal.measurements import CURVE
from subliminal.plan import make_plan, stage_kinds
from subliminal.spec_file import load_experiment
from subliminal.stage import Stage
from subliminal.store import Store
from tests.tiny import steps_begun_at

STEPS_OF_AN_EPOCH = 8
STEP_OF_DEATH = 32
"""Of 64, both when teachers are taught and when students distil."""

LONGER = f"""\
name: longer
data: digits-8x8
precision: float32
seeds: 3
observation: {{points: 8, test_images: 100}}
defaults:
  network: {{hidden: [24, 24], auxiliary: 10}}
  teaching: &long {{epochs: 8, samples_per_epoch: {STEPS_OF_AN_EPOCH * 128}, batch_size: 128}}
  distillation: *long
arms:
  same: {{control: none}}
"""


def stages_of(experiment: Path, kind: str) -> tuple[Stage, ...]:
    """The teachers, or the students."""
    rows = make_plan(load_experiment(experiment)).rows["same"].values()
    return tuple(stage for row in rows for stage in row.stages if stage.kind == kind)


def work(root: Path, stages: tuple[Stage, ...]) -> list[Report]:
    """Do a lot of stages in this process, as a worker does."""
    kind = stage_kinds()[stages[0].kind]
    report = FileReporter(root / "progress", root / "stop")
    return run_lot(LotCall(Store(root), kind, stages, 1, (), report))


def die_after_checkpoints(root: str, experiment: str, kind: str) -> None:
    """In a process of its own: save progress at every stop, and be killed half-way.

    The last of the three models is killed before it can save the step of the others.
    """
    saved: list[int] = []

    def save_and_die(path: Path, state: State) -> None:
        if path.name == STATE and state.step == STEP_OF_DEATH and len(saved) % 3 == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        save_state(path, state)
        saved.append(state.step)

    lot.save_state = save_and_die
    lot.Hooks = functools.partial(Hooks, checkpoint_seconds=0.0)  # type: ignore[assignment,misc]
    work(Path(root), stages_of(Path(experiment), kind))


def whole_and_killed(tmp_path: Path, kind: str) -> tuple[Store, Store, tuple[Stage, ...]]:
    """A store in which stages of a kind were trained, and one in which they were killed midway."""
    experiment = tmp_path / "longer.yaml"
    experiment.write_text(LONGER)
    whole, killed = Store(tmp_path / "whole"), Store(tmp_path / "killed")
    stages = stages_of(experiment, kind)
    for store in (whole, killed):
        store.prepare()
        if kind == DISTIL:
            work(store.root, stages_of(experiment, TEACH))
    assert {report.state for report in work(whole.root, stages)} == {"computed"}

    die = "import sys; from tests.test_mnist_resume import *; die_after_checkpoints(*sys.argv[1:])"
    command = [sys.executable, "-c", die, str(killed.root), str(experiment), kind]
    process = subprocess.run(command, cwd=Path(__file__).parent.parent, check=False)
    assert process.returncode == -signal.SIGKILL
    assert {killed.state(stage.key) for stage in stages} == {"begun"}
    return whole, killed, stages


def assert_same(
    whole: Store, other: Store, stages: tuple[Stage, ...], names: tuple[str, ...]
) -> None:
    for stage in stages:
        for name in names:
            expected = (whole.folder(stage.key) / name).read_bytes()
            assert (other.folder(stage.key) / name).read_bytes() == expected
        assert not other.partial(stage.key).exists()


@pytest.mark.parametrize("kind", [TEACH, DISTIL])
def test_a_killed_training_ends_as_if_nothing_had_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    whole, killed, stages = whole_and_killed(tmp_path, kind)
    steps = [load_state(killed.partial(stage.key) / STATE).step for stage in stages]
    assert steps == [STEP_OF_DEATH, STEP_OF_DEATH, STEP_OF_DEATH - STEPS_OF_AN_EPOCH]

    begun = steps_begun_at(monkeypatch)
    assert {report.state for report in work(killed.root, stages)} == {"computed"}
    assert sorted(begun) == sorted(steps)
    assert_same(whole, killed, stages, (MODEL, CURVE) if kind == DISTIL else (MODEL,))


def test_a_damaged_curve_costs_the_progress_not_the_curve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed, stages = whole_and_killed(tmp_path, DISTIL)
    (killed.partial(stages[0].key) / CURVE).write_text("[")
    begun = steps_begun_at(monkeypatch)
    assert {report.state for report in work(killed.root, stages)} == {"computed"}
    assert sorted(begun) == [0, STEP_OF_DEATH - STEPS_OF_AN_EPOCH, STEP_OF_DEATH]
    assert_same(whole, killed, stages, (MODEL, CURVE))


def test_a_damaged_checkpoint_costs_its_progress_only(tmp_path: Path) -> None:
    experiment = tmp_path / "longer.yaml"
    experiment.write_text(LONGER)
    whole, damaged = Store(tmp_path / "whole"), Store(tmp_path / "damaged")
    stages = stages_of(experiment, TEACH)
    for store in (whole, damaged):
        store.prepare()
    for stage in stages:
        damaged.partial(stage.key).mkdir()
        (damaged.partial(stage.key) / STATE).write_bytes(b"\x08\x00no state at all")
    for store in (whole, damaged):
        assert {report.state for report in work(store.root, stages)} == {"computed"}
    assert_same(whole, damaged, stages, (MODEL,))
