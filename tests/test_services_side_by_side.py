"""Tasks that wait for services: all at once, one failing alone, all stopped together."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from subliminal.errors import UserError
from subliminal.services.side_by_side import side_by_side
from subliminal.stage import Cancelled, Done, Failed, Reporter, Stage, Task, silent

TASKS = [
    Task(Stage("x", 1, {}, seed), {}, Path("made"), Path("partial"), None) for seed in range(3)
]


def test_tasks_wait_together_and_fail_alone() -> None:
    together = threading.Barrier(len(TASKS), timeout=20)

    def do(task: Task, report: Reporter) -> Done:
        together.wait()
        report(1, 2)
        if task.stage.seed == 1:
            raise UserError("no such\nmodel")
        return Done(task.stage.key)

    found = {outcome.key: outcome for outcome in side_by_side(TASKS, do, silent)}
    outcomes = [found[task.stage.key] for task in TASKS]
    assert [type(outcome) for outcome in outcomes] == [Done, Failed, Done]
    assert outcomes[1] == Failed(TASKS[1].stage.key, "no such model")


def test_who_stops_the_lot_stops_every_task() -> None:
    stopped: list[int] = []

    def do(task: Task, report: Reporter) -> Done:
        try:
            while True:
                report(1, 4)
                time.sleep(0.01)
        except Cancelled:
            stopped.append(task.stage.seed)
            raise

    def stop(done: float, total: float) -> None:
        if done >= total / 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        list(side_by_side(TASKS, do, stop))
    assert sorted(stopped) == [0, 1, 2]


def test_a_bug_is_not_taken_for_a_failure() -> None:
    def do(task: Task, report: Reporter) -> Done:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(side_by_side(TASKS, do, silent))
