"""What happens in one of several processes that do stages together."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from subliminal import machine
from subliminal.errors import StageError, UserError
from subliminal.executors.leaving import leave, leave_with
from subliminal.executors.pace import Pace
from subliminal.ranks import Ranks
from subliminal.stage import Cancelled, Done, Failed, StageKind, Task, silent


@dataclass(frozen=True)
class RankCall:
    """Everything that the processes need; plain data, so that it can cross to them."""

    kind: StageKind
    tasks: tuple[Task, ...]
    count: int
    sharded: bool
    threads: int
    """Of each."""
    folder: Path
    """Where they meet, and where all but the first one leave what nobody reads."""
    parent: int
    """The process that started them."""


@dataclass(frozen=True)
class Progress:
    """The first process is so far; the answer is whether it is to stop."""

    done: float
    total: float


@dataclass(frozen=True)
class Stopped:
    """The first process has saved its progress and stops."""


@dataclass(frozen=True)
class Broken:
    """A process cannot go on."""

    error: Exception


class RankError(Exception):
    """What went wrong in a process, where that is no known fault of the user's or the stage's."""


Message = Progress | Done | Failed | Stopped | Broken


def run_rank(number: int, call: RankCall, line: Connection) -> NoReturn:
    """Do stages together with the other processes, and end this one.

    Args:
        number: Of this one, from 0.
        call: What to do.
        line: To the process that started it.
    """
    leave_with(call.parent)
    try:
        device = "cuda" if call.tasks[0].devices else "cpu"
        ranks = Ranks(number, call.count, device, call.sharded)
        ranks.meet(call.folder)
        machine.use_threads(call.threads)
        tasks = [_seen_by(ranks, task, call.folder) for task in call.tasks]
        report = _LineReporter(line) if ranks.first else silent
        for outcome in call.kind.run(tasks, report):
            if ranks.first:
                line.send(outcome)
        ranks.part()
    except Cancelled:
        if number == 0:
            line.send(Stopped())
        else:  # it may be here long before the first one has saved, and is ended together with it
            line.poll(None)
    except Exception as error:
        line.send(Broken(_sendable(error)))
        leave(1)
    leave(0)


class _LineReporter:
    """Progress and cancellation through a line; whoever listens answers."""

    def __init__(self, line: Connection) -> None:
        self._line = line
        self._pace = Pace()

    def __call__(self, done: float, total: float) -> None:
        if not self._pace.is_time(done, total):
            return
        self._line.send(Progress(done, total))
        if self._line.recv():
            raise Cancelled


def _seen_by(ranks: Ranks, task: Task, folder: Path) -> Task:
    """A task as a process sees it: all but the first one write where nobody looks."""
    if ranks.first:
        return replace(task, ranks=ranks)
    aside = folder / f"{task.stage.key}.{ranks.number}"
    aside.mkdir()
    return replace(task, ranks=ranks, folder=aside)


def _sendable(error: Exception) -> Exception:
    if not isinstance(error, (UserError, StageError)):
        error = RankError(f"{type(error).__name__}: {error}")
    error.add_note(traceback.format_exc())
    return error
