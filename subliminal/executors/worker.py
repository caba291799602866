"""What happens inside a worker: claim a lot of stages, run it, commit each artifact."""

from __future__ import annotations

import errno
import shutil
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from subliminal import atomic, machine
from subliminal.artifact_store import ArtifactStore, Claim
from subliminal.errors import StageError, UserError
from subliminal.executors.pace import Pace
from subliminal.executors.together import run_together
from subliminal.stage import Cancelled, Done, Failed, Reporter, Stage, StageKind, Task
from subliminal.store import Provenance

State = Literal["computed", "cached", "failed", "busy"]

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM)


@dataclass(frozen=True)
class Report:
    """What became of one stage of a lot; `busy` when another run is working on it."""

    key: str
    state: State
    reason: str | None = None
    counts: Mapping[str, float] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class LotCall:
    """Everything a worker needs; plain data, so that it can cross to another process."""

    store: ArtifactStore
    kind: StageKind
    stages: tuple[Stage, ...]
    threads: int
    devices: tuple[int, ...]
    """Numbers of the GPUs that it may use, as the worker counts them; none where there are none."""
    report: Reporter
    """How it speaks to the run."""


class FileReporter:
    """Progress through a file, cancellation through another: works wherever folders are shared."""

    def __init__(self, progress_file: Path, stop_file: Path) -> None:
        self._progress_file, self._stop_file = progress_file, stop_file
        self._pace = Pace()

    def __call__(self, done: float, total: float) -> None:
        if not self._pace.is_time(done, total):
            return
        # A full disk makes the progress bar stale; it is no reason for the stage to fail.
        with suppress(OSError):
            self._progress_file.write_text(f"{done} {total}")
        if self._stop_file.exists():
            raise Cancelled


def run_lot(call: LotCall) -> list[Report]:
    """Run those stages of a lot that are neither done nor being done elsewhere.

    Returns:
        A report for each stage of the lot; nothing that a stage raises gets through.

    Raises:
        Cancelled: The run is being stopped.
    """
    machine.use_threads(call.threads)
    if call.devices:
        machine.use_device(call.devices[0])
    work = _Work(call)
    try:
        for stage in call.stages:
            work.claim(stage)
        _run_open(call, work)
        work.fail_open("the stage ended without a result; this is a bug")
    except Cancelled:
        work.keep_progress(stopping=True)
        raise
    except Exception as error:  # a bug in a stage must not take the other stages with it
        work.fail_open(work.reason(error))
    finally:
        work.close()
    return work.reports


def _run_open(call: LotCall, work: _Work) -> None:
    """Run the stages of a lot that have not ended.

    Where they are done one after the other, one that cannot be done leaves the rest to be tried.
    """
    report = _KeepingReporter(call.report, work.keep_progress)
    run = call.kind.run
    if call.stages[0].cost.devices > 1 and call.kind.spreads:
        run = partial(run_together, call.kind, threads=call.threads)
    while tasks := work.open_tasks():
        try:
            for outcome in run(tasks, report):
                work.settle(outcome)
            return
        except Cancelled:
            raise
        except Exception as error:
            if not work.open_tasks():
                return  # all that it was to do is done
            if tasks[0].stage.cost.at_once:
                raise
            work.fail_first(work.reason(error))


class _KeepingReporter:
    """A reporter that lets progress be kept at every report: a stage is not writing it then."""

    def __init__(self, report: Reporter, keep_progress: Callable[[], None]) -> None:
        self._report, self._keep_progress = report, keep_progress

    def __call__(self, done: float, total: float) -> None:
        self._report(done, total)
        self._keep_progress()


class _Work:
    """The stages of a lot from their claims to their reports."""

    def __init__(self, call: LotCall) -> None:
        self.reports: list[Report] = []
        self._store, self._devices = call.store, call.devices
        self._open = {stage.key: stage for stage in call.stages}
        self._claims: dict[str, Claim] = {}
        self._tasks: dict[str, Task] = {}
        self._since = time.monotonic()

    def claim(self, stage: Stage) -> None:
        """Make a task of a stage if nobody else works on it or has done it."""
        claim = self._store.claim(stage.key)
        if claim is None:
            self._report(stage.key, "busy")
            return
        self._claims[stage.key] = claim
        if self._store.verify(stage.key):
            self._report(stage.key, "cached")
            return
        self._store.discard(stage.key)
        try:
            self._tasks[stage.key] = _task(self._store, stage, self._devices)
        except UserError as error:
            self._report(stage.key, "failed", _one_line(error))

    def open_tasks(self) -> list[Task]:
        """The stages that have not ended, in their order."""
        return [task for key, task in self._tasks.items() if key in self._open]

    def keep_progress(self, *, stopping: bool = False) -> None:
        """Keep the progress of the stages that have not ended."""
        self._store.keep_progress(self._open, stopping=stopping)

    def settle(self, outcome: Done | Failed) -> None:
        """Commit what a stage made; report how it ended."""
        stage = self._open[outcome.key]
        if isinstance(outcome, Failed):
            self._report(stage.key, "failed", outcome.reason)
            return
        provenance = Provenance(
            wall_seconds=self._seconds(stage),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=machine.versions(),
            machine=machine.description(),
        )
        try:
            folder = self._tasks[stage.key].folder
            self._store.commit(stage, folder, outcome.counts, provenance)
        except UserError as error:
            self._report(stage.key, "failed", str(error))
        else:
            self._report(stage.key, "computed", counts=outcome.counts)

    def fail_first(self, reason: str) -> None:
        """Report the first that has not ended as failed."""
        self._report(self.open_tasks()[0].stage.key, "failed", reason)

    def fail_open(self, reason: str) -> None:
        """Report all that has not ended as failed."""
        for key in list(self._open):
            self._report(key, "failed", reason)

    def reason(self, error: Exception) -> str:
        """One line on why the stages that have not ended could not be done."""
        if isinstance(error, (UserError, StageError)):
            return _one_line(error)
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            place = Path(error.filename) if error.filename else self._store.root
            return str(atomic.cannot_write(place, error))
        log = self._store.partial(next(iter(self._open), "lot")) / "traceback.txt"
        try:
            atomic.write_text(log, traceback.format_exc())
        except UserError as failure:
            return f"{type(error).__name__}: {_one_line(error)} (no traceback: {failure})"
        return f"{type(error).__name__}: {_one_line(error)} (traceback in {log})"

    def close(self) -> None:
        """Remove unfinished folders and release the claims that are left."""
        for task in self._tasks.values():
            shutil.rmtree(task.folder, ignore_errors=True)
        for claim in self._claims.values():
            claim.release()

    def _seconds(self, stage: Stage) -> float:
        """What a stage that has just ended took: of stages that are done at once, its share."""
        now = time.monotonic()
        seconds = now - self._since
        if stage.cost.at_once:
            return seconds / len(self._tasks)
        self._since = now
        return seconds

    def _report(
        self,
        key: str,
        state: State,
        reason: str | None = None,
        counts: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        del self._open[key]
        self.reports.append(Report(key, state, reason, dict(counts)))
        # Another run that waits for this stage need not wait for the rest of the lot.
        if key in self._claims:
            self._claims.pop(key).release()


def _task(store: ArtifactStore, stage: Stage, devices: tuple[int, ...]) -> Task:
    return Task(
        stage=stage,
        inputs={role: store.fetch(key) for role, key in stage.inputs.items()},
        partial=store.open_partial(stage.key),
        folder=store.open_folder(stage.key),
        continues=store.fetch(stage.continues)
        if stage.continues and store.has(stage.continues)
        else None,
        devices=devices,
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
