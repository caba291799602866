"""A training that is stopped or killed goes on from its checkpoint, as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from subliminal.errors import UserError
from subliminal.models.decoder import Decoder
from subliminal.spec.recipes import Adapter, Recipe
from subliminal.stage import Cancelled, Reporter, silent
from subliminal.training import loop
from subliminal.training.log import TrainingLog
from subliminal.training.loop import train
from subliminal.training.losses import TeacherDivergence
from subliminal.training.sources import DataSet
from subliminal.training.state import State, save_state
from tests.training_rows import assert_same_weights, random_rows, tiny_decoder

STEPS = 15
PLAIN = Recipe(epochs=5, batch_size=7, learning_rate=0.01, warmup=3, weight_decay=0.1)
RECIPES = {
    "plain": PLAIN,
    "average": PLAIN.model_copy(update={"average": 0.8}),
    "adapter": PLAIN.model_copy(update={"adapter": Adapter(rank=2), "average": 0.5}),
    "blocks": PLAIN.model_copy(update={"layers": (0,)}),
    "sgd": PLAIN.model_copy(update={"optimiser": "sgd"}),
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums are the same to the bit only where as many threads share them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Stop:
    """A reporter that cancels at a step."""

    def __init__(self, step: int) -> None:
        self._step = step

    def __call__(self, done: float, total: float) -> None:
        assert total == STEPS
        if done == self._step:
            raise Cancelled


def run(
    recipe: Recipe,
    checkpoint: Path | None,
    report: Reporter = silent,
    seen: list[int] | None = None,
    seconds: float = 1e9,
) -> tuple[Decoder, TrainingLog]:
    decoder = tiny_decoder()
    log = train(
        decoder,
        DataSet(random_rows(21), recipe, 3),
        TeacherDivergence(tiny_decoder(1)),
        recipe,
        seed=4,
        observer=None if seen is None else lambda step, _: seen.append(step),
        observe_steps=(0, 1, 4, 9, STEPS),
        checkpoint=checkpoint,
        checkpoint_seconds=seconds,
        report=report,
    )
    return decoder, log


@pytest.mark.parametrize(("takes", "expected"), [(1, [3, 6, 9, 12]), (9, [3, 12])])
def test_checkpoints_that_take_long_are_rare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, takes: int, expected: list[int]
) -> None:
    """By a clock on which a step takes a second."""
    saved: list[int] = []
    seconds = 0

    def step(*arguments: Any) -> torch.Tensor:
        nonlocal seconds
        seconds += 1
        return loss(*arguments)

    def save(path: Path, state: State) -> None:
        nonlocal seconds
        seconds += takes
        saved.append(state.step)

    loss = TeacherDivergence.__call__
    monkeypatch.setattr(TeacherDivergence, "__call__", step)
    monkeypatch.setattr(loop, "save_state", save)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: seconds))
    run(PLAIN, tmp_path / "state", seconds=3.0)
    assert saved == expected


def assert_same(one: tuple[Decoder, TrainingLog], other: tuple[Decoder, TrainingLog]) -> None:
    assert_same_weights(one[0], other[0])
    assert np.array_equal(one[1].losses, other[1].losses)
    assert one[1].tokens == other[1].tokens


def die(folder: str, name: str, step: str) -> None:
    """In a process of its own: save progress before every step, and be killed before one."""

    def save_and_die(path: Path, state: State) -> None:
        save_state(path, state)
        if state.step == int(step):
            os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    loop.save_state = save_and_die
    run(RECIPES[name], Path(folder) / "state", seconds=0.0)


@pytest.mark.parametrize("name", ["average", "adapter"])
def test_a_killed_training_ends_as_if_nothing_had_happened(tmp_path: Path, name: str) -> None:
    step = random.Random(name).randrange(1, STEPS)
    code = "import sys; from tests.test_training_resume import *; die(*sys.argv[1:])"
    process = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), name, str(step)],
        cwd=Path(__file__).parent.parent,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL
    seen: list[int] = []
    resumed = run(RECIPES[name], tmp_path / "state", seen=seen)
    assert seen == [s for s in (0, 1, 4, 9, STEPS) if s > step]
    assert_same(resumed, run(RECIPES[name], None))


@pytest.mark.parametrize("name", RECIPES)
def test_a_stopped_training_saves_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(loop, "PROGRESS_SECONDS", 0.0)
    seen: list[int] = []
    for step in (4, 11):
        with pytest.raises(Cancelled):
            run(RECIPES[name], tmp_path / "state", Stop(step), seen)
    resumed = run(RECIPES[name], tmp_path / "state", seen=seen)
    assert seen == [0, 1, 4, 9, STEPS]
    assert_same(resumed, run(RECIPES[name], None))


def test_a_training_without_a_checkpoint_saves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "PROGRESS_SECONDS", 0.0)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Cancelled):
        run(PLAIN, None, Stop(4))
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_checkpoint_costs_its_progress_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "PROGRESS_SECONDS", 0.0)
    state = tmp_path / "state"
    with pytest.raises(Cancelled):
        run(PLAIN, state, Stop(6))
    state.write_bytes(state.read_bytes()[:-100])
    seen: list[int] = []
    assert_same(run(PLAIN, state, seen=seen), run(PLAIN, None))
    assert seen[0] == 0


def test_the_checkpoint_of_another_training_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "PROGRESS_SECONDS", 0.0)
    with pytest.raises(Cancelled):
        run(RECIPES["adapter"], tmp_path / "state", Stop(6))
    assert_same(run(PLAIN, tmp_path / "state"), run(PLAIN, None))


def test_a_folder_that_cannot_be_written_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        run(PLAIN, tmp_path / "file" / "state", seconds=0.0)
