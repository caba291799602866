"""Stages that several processes do together, one for each of their devices.

The processes are started here and are gone when the stages have ended, whichever way. They all run
the stage's code; the first one says how far it is, and leaves what it made in the stage's folder.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

from loky.backend.context import get_context

from subliminal import machine
from subliminal.errors import StageError, UserError
from subliminal.executors.interrupts import interrupts_held_back
from subliminal.executors.rank import (
    Broken,
    Message,
    Progress,
    RankCall,
    Stopped,
    run_rank,
)
from subliminal.stage import Cancelled, Done, Failed, Reporter, Stage, StageKind, Task

SECONDS_TO_END = 20.0
"""For the others, where one process has ended badly: to say why, if it is what they did that broke
it, and to finish what they do without it."""
SHARE_OF_DEVICE = 0.8
"""Of a GPU's memory, that a training may be expected to take before its model is shared out."""


def run_together(
    kind: StageKind, tasks: Sequence[Task], report: Reporter, threads: int
) -> Iterator[Done | Failed]:
    """Do a lot's stages in as many processes as they are to have devices.

    Args:
        kind: Of the stages.
        tasks: What to do; all have the same number of devices.
        report: Told of progress.
        threads: Of all processes.

    Yields:
        How each stage ended, as soon as it is known.

    Raises:
        Cancelled: `report` said so; progress has been saved.
        StageError: A process died.
        Exception: What a process raised.
    """
    stage = tasks[0].stage
    count = stage.cost.devices
    machine.give_back_device_memory()
    with TemporaryDirectory(prefix="subliminal-") as folder:
        call = RankCall(
            kind=kind,
            tasks=tuple(tasks),
            count=count,
            sharded=is_to_be_sharded(stage),
            threads=max(1, threads // count),
            folder=Path(folder),
            parent=os.getpid(),
        )
        company = _Company(call.count)
        try:
            company.start(call)
            for line, message in company.messages():
                if isinstance(message, Progress):
                    stop = _is_to_stop(report, message)
                    with suppress(OSError):  # it has died since, of which the next look tells
                        line.send(stop)
                elif isinstance(message, (Done, Failed)):
                    yield message
                elif isinstance(message, Stopped):
                    raise Cancelled
        finally:
            company.end()


def is_to_be_sharded(stage: Stage) -> bool:
    """Whether the processes keep no more than shares of a large model each."""
    if stage.resources.parallelism != "auto":
        return stage.resources.parallelism == "fsdp"
    memory = machine.device_memory_bytes()
    return memory is not None and stage.cost.memory_bytes > SHARE_OF_DEVICE * memory


class _Company:
    """The processes, and the lines from them."""

    def __init__(self, count: int) -> None:
        self._pipes = [multiprocessing.Pipe() for _ in range(count)]
        self._lines = [ours for ours, _ in self._pipes]
        self._errors: list[Exception] = []
        self._processes: list[BaseProcess] = []

    def start(self, call: RankCall) -> None:
        """Start them."""
        for number, (_, theirs) in enumerate(self._pipes):
            process = get_context("loky").Process(
                target=run_rank, args=(number, call, theirs), env=_environment(call)
            )
            with interrupts_held_back():
                process.start()
            self._processes.append(process)
            theirs.close()

    def messages(self) -> Iterator[tuple[Connection, Message]]:
        """What the processes say until all have ended well.

        Raises:
            Exception: What one of them raised, or that one died.
        """
        until = float("inf")
        while True:
            alive = [n for n, process in enumerate(self._processes) if process.is_alive()]
            yield from self._said()
            if any(process.exitcode for process in self._processes):
                until = min(until, time.monotonic() + SECONDS_TO_END)
                if not alive or time.monotonic() >= until:
                    raise self._fault()
            elif not alive:
                return
            # The line of one that has ended would be found ready again and again.
            lines = [self._lines[n] for n in alive]
            wait([*lines, *(self._processes[n].sentinel for n in alive)], timeout=1.0)

    def end(self) -> None:
        """Leave none of them behind."""
        for process in self._processes:
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, signal.SIGKILL)
        for process in self._processes:
            process.join()
        for ours, theirs in self._pipes:
            ours.close()
            theirs.close()

    def _said(self) -> Iterator[tuple[Connection, Message]]:
        """What has been said by now, but for errors, which are kept."""
        for line in self._lines:
            with suppress(EOFError, OSError):
                while line.poll():
                    message: Message = line.recv()
                    if isinstance(message, Broken):
                        self._errors.append(message.error)
                    else:
                        yield line, message

    def _fault(self) -> Exception:
        """Why it cannot go on: what a process says of itself first, then how one ended.

        Those that lose another one raise errors too, which say nothing of the cause.
        """
        for error in self._errors:
            if isinstance(error, (UserError, StageError)):
                return error
        for number, process in enumerate(self._processes, 1):
            if process.exitcode is not None and process.exitcode < 0:
                return StageError(_died(number, len(self._processes), -process.exitcode))
        silent = StageError("a process of the stage ended without a word; run again")
        return next(iter(self._errors), silent)


def _environment(call: RankCall) -> dict[str, str]:
    """What a process reads when it imports PyTorch, and when that looks for devices."""
    devices = call.tasks[0].devices
    shown = machine.showing_devices(devices) if devices else {}
    return machine.thread_limits(call.threads) | shown


def _is_to_stop(report: Reporter, progress: Progress) -> bool:
    try:
        report(progress.done, progress.total)
    except Cancelled:
        return True
    return False


def _died(number: int, count: int, code: int) -> str:
    name = signal.Signals(code).name
    return (
        f"process {number} of {count} died ({name}: killed, or out of memory); run again to go on "
        "from the last checkpoint, or with more devices"
    )
