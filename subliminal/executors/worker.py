"""What happens inside a worker: lock a lot of stages, run it, commit each artifact."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock

from subliminal import atomic, machine
from subliminal.errors import StageError, UserError
from subliminal.stage import Cancelled, Done, Failed, Stage, StageKind, Task
from subliminal.store import Provenance, Store, try_lock

State = Literal["computed", "cached", "failed", "busy"]

SECONDS_BETWEEN_REPORTS = 0.3
SECONDS_BETWEEN_LOOKS_AT_THE_PARENT = 0.5
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM)


@dataclass(frozen=True)
class Report:
    """What became of one stage of a lot; `busy` when another run is working on it."""

    key: str
    state: State
    reason: str | None = None


@dataclass(frozen=True)
class LotCall:
    """Everything a worker needs; plain data, so that it can cross to another process."""

    store_root: Path
    kind: StageKind
    stages: tuple[Stage, ...]
    threads: int
    slot: int
    """Number of the worker among its executor's."""
    progress_file: Path
    stop_file: Path


def leave_with(parent: int) -> None:
    """Start to watch the parent process; do not outlive it, however it dies."""
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS_AT_THE_PARENT)
    os._exit(1)


class FileReporter:
    """Progress through a file, cancellation through another: works wherever folders are shared."""

    def __init__(self, progress_file: Path, stop_file: Path) -> None:
        self._progress_file, self._stop_file = progress_file, stop_file
        self._reported = 0.0

    def __call__(self, done: float, total: float) -> None:
        now = time.monotonic()
        if now - self._reported < SECONDS_BETWEEN_REPORTS and done < total:
            return
        self._reported = now
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
    machine.use_device(call.slot)
    work = _Work(Store(call.store_root), call.stages)
    try:
        for stage in call.stages:
            work.claim(stage)
        if work.tasks:
            report = FileReporter(call.progress_file, call.stop_file)
            for outcome in call.kind.run(list(work.tasks.values()), report):
                work.settle(outcome)
        work.fail_open("the stage ended without a result; this is a bug")
    except Cancelled:
        raise
    except Exception as error:  # a bug in a stage must not take the other stages with it
        work.fail_open(work.reason(error))
    finally:
        work.close()
    return work.reports


class _Work:
    """The stages of a lot from the claim of their locks to their reports."""

    def __init__(self, store: Store, stages: tuple[Stage, ...]) -> None:
        self.tasks: dict[str, Task] = {}
        self.reports: list[Report] = []
        self._store = store
        self._open = {stage.key: stage for stage in stages}
        self._locks: dict[str, FileLock] = {}
        self._started = time.monotonic()

    def claim(self, stage: Stage) -> None:
        """Make a task of a stage if nobody else works on it or has done it."""
        lock = self._store.lock(stage.key)
        if not try_lock(lock):
            self._report(stage.key, "busy")
            return
        self._locks[stage.key] = lock
        if self._store.verify(stage.key):
            self._report(stage.key, "cached")
            return
        self._store.discard(stage.key)
        self.tasks[stage.key] = _task(self._store, stage)

    def settle(self, outcome: Done | Failed) -> None:
        """Commit what a stage made; report how it ended."""
        stage = self._open[outcome.key]
        if isinstance(outcome, Failed):
            self._report(stage.key, "failed", outcome.reason)
            return
        provenance = Provenance(
            wall_seconds=(time.monotonic() - self._started) / len(self.tasks),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=machine.versions(),
            machine=machine.description(),
        )
        try:
            folder = self.tasks[stage.key].folder
            self._store.commit(stage, folder, outcome.counts, provenance)
        except UserError as error:
            self._report(stage.key, "failed", str(error))
        else:
            self._report(stage.key, "computed")

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
        """Remove unfinished folders and free the locks that are left."""
        for task in self.tasks.values():
            shutil.rmtree(task.folder, ignore_errors=True)
        for lock in self._locks.values():
            lock.release()

    def _report(self, key: str, state: State, reason: str | None = None) -> None:
        del self._open[key]
        self.reports.append(Report(key, state, reason))
        # Another run that waits for this stage need not wait for the rest of the lot.
        if key in self._locks:
            self._locks.pop(key).release()


def _task(store: Store, stage: Stage) -> Task:
    partial = store.partial(stage.key)
    partial.mkdir(parents=True, exist_ok=True)
    atomic.remove_leavings(partial)
    return Task(
        stage=stage,
        inputs={role: store.folder(key) for role, key in stage.inputs.items()},
        folder=store.open_folder(stage.key),
        partial=partial,
        continues=store.folder(stage.continues)
        if stage.continues and store.has(stage.continues)
        else None,
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
