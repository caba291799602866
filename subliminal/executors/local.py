"""Run a graph of stages in worker processes on this machine."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, Protocol

from loky.process_executor import TerminatedWorkerError

from subliminal import machine
from subliminal.executors.frontier import Frontier
from subliminal.executors.slot import Slot
from subliminal.executors.worker import LotCall, Report
from subliminal.stage import Stage, StageKind, memory_of
from subliminal.store import Store

SECONDS_BETWEEN_POLLS = 0.3
SECONDS_TO_STOP = 8.0
SHARE_OF_MEMORY = 0.8
ATTEMPTS_AT_A_CRASH = 2
REASON_OF_CRASH = (
    "its worker process died twice (killed, or out of memory); run again with fewer --jobs"
)


@dataclass(frozen=True)
class Outcome:
    """How one stage ended."""

    state: Literal["computed", "cached", "failed", "blocked"]
    reason: str | None = None


class Listener(Protocol):
    """Who wants to know how a run goes (a progress bar, a log)."""

    def planned(self, stages: list[Stage]) -> None:
        """The stages that have to be computed."""

    def progressed(self, stages: tuple[Stage, ...], share: float) -> None:
        """A running lot has done this share of its work."""

    def settled(self, stage: Stage, outcome: Outcome) -> None:
        """A stage has ended."""

    def waiting(self, count: int) -> None:
        """This many stages are being computed by another run."""


class LocalExecutor:
    """Worker processes on this machine, each with its share of the cores.

    Args:
        kinds: Stage kinds by name.
        jobs: Worker processes; default: one for each CUDA device, else one for each core.
    """

    def __init__(self, kinds: Mapping[str, StageKind], jobs: int | None = None) -> None:
        self._kinds = kinds
        self.jobs = max(
            1, min(jobs or len(machine.cuda_devices()) or machine.cores(), machine.cores())
        )
        self.threads = max(1, machine.cores() // self.jobs)

    def run(
        self, stages: Mapping[str, Stage], targets: Iterable[str], store: Store, listener: Listener
    ) -> dict[str, Outcome]:
        """Compute what the targets need and the store lacks.

        Args:
            stages: All stages by key; all that a stage needs is among them.
            targets: Keys whose artifacts are wanted.
            store: Where artifacts are read and written; it has been prepared.
            listener: Told of progress.

        Returns:
            The outcome of every stage that was needed, or found, on the way.

        Raises:
            KeyboardInterrupt: After the workers have stopped; what they saved is kept.
        """
        whole, missing = _find_work(stages, targets, store)
        for key in whole:
            listener.settled(stages[key], Outcome("cached"))
        listener.planned(list(missing.values()))
        outcomes = dict.fromkeys(whole, Outcome("cached"))
        if missing:
            with TemporaryDirectory(prefix="subliminal-") as folder:
                run = _Run(self, missing, store, listener, Path(folder))
                outcomes |= run.go()
        return outcomes

    def kind(self, stage: Stage) -> StageKind:
        """The kind that can run a stage."""
        return self._kinds[stage.kind]


@dataclass(frozen=True)
class _Lot:
    stages: tuple[Stage, ...]
    call: LotCall
    slot: Slot


class _Run:
    """The state of one run: what is left, what runs, what has ended."""

    def __init__(
        self,
        executor: LocalExecutor,
        stages: Mapping[str, Stage],
        store: Store,
        listener: Listener,
        folder: Path,
    ) -> None:
        self._executor, self._stages, self._store = executor, stages, store
        self._listener, self._folder = listener, folder
        self._frontier = Frontier(stages, lambda stage: executor.kind(stage).max_lot)
        self._slots = [Slot(number, executor.threads) for number in range(executor.jobs)]
        self._idle = list(reversed(self._slots))
        self._running: dict[Future[list[Report]], _Lot] = {}
        self._elsewhere: dict[str, Stage] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._crashes: Counter[str] = Counter()
        self._most_after_crash: dict[str, int] = {}
        self._memory_bytes = int(SHARE_OF_MEMORY * machine.memory_bytes())
        self._lots = 0
        self._polled = 0.0

    def go(self) -> dict[str, Outcome]:
        try:
            while len(self._frontier):
                self._submit_ready()
                self._take_finished()
                if time.monotonic() - self._polled > SECONDS_BETWEEN_POLLS:
                    self._polled = time.monotonic()
                    self._show_progress()
                    self._look_elsewhere()
        except KeyboardInterrupt:
            self._ask_workers_to_stop()
            raise
        finally:
            for slot in self._slots:
                slot.kill()
        return self._outcomes

    def _submit_ready(self) -> None:
        for stages in self._frontier.take(len(self._idle)):
            if self._fits_memory(stages):
                self._submit(tuple(stages))
            else:
                self._offer(stages)

    def _fits_memory(self, stages: Iterable[Stage]) -> bool:
        taken = sum(memory_of(lot.stages) for lot in self._running.values())
        return not self._running or taken + memory_of(stages) < self._memory_bytes

    def _submit(self, stages: tuple[Stage, ...]) -> None:
        self._lots += 1
        slot = self._idle.pop()
        call = LotCall(
            store_root=self._store.root,
            kind=self._executor.kind(stages[0]),
            stages=stages,
            threads=self._executor.threads,
            slot=slot.number,
            progress_file=self._folder / f"lot-{self._lots}",
            stop_file=self._stop_file,
        )
        self._running[slot.submit(call)] = _Lot(stages, call, slot)

    def _take_finished(self) -> None:
        if not self._running:
            time.sleep(SECONDS_BETWEEN_POLLS)
            return
        done, _ = wait(self._running, SECONDS_BETWEEN_POLLS, return_when=FIRST_COMPLETED)
        for future in done:
            lot = self._running.pop(future)
            self._idle.append(lot.slot)
            error = future.exception()
            if error is None:
                for report in future.result():
                    self._take(report)
            elif isinstance(error, TerminatedWorkerError):
                self._recover_from_crash(lot.stages)
            else:
                reason = f"its worker could not run it: {' '.join(str(error).split())}"
                for stage in lot.stages:
                    self._settle(stage.key, Outcome("failed", reason))

    def _take(self, report: Report) -> None:
        if report.state == "busy":
            self._elsewhere[report.key] = self._stages[report.key]
        elif report.state == "cached" and report.key in self._most_after_crash:
            # It was committed in this run, by a worker that died before it could say so.
            self._settle(report.key, Outcome("computed"))
        else:
            self._settle(report.key, Outcome(report.state, report.reason))

    def _recover_from_crash(self, stages: tuple[Stage, ...]) -> None:
        """Try the stages of a worker that died again, in halves, since one alone may be at fault.

        Halving also helps where the lot was too large for the memory. A stage that was alone when
        its worker died gets a second attempt.
        """
        half = (len(stages) + 1) // 2
        self._most_after_crash |= dict.fromkeys((stage.key for stage in stages), half)
        if len(stages) == 1:
            self._crashes[stages[0].key] += 1
        if self._crashes[stages[0].key] < ATTEMPTS_AT_A_CRASH:
            self._offer(stages)
        else:
            self._settle(stages[0].key, Outcome("failed", REASON_OF_CRASH))

    def _offer(self, stages: Iterable[Stage]) -> None:
        for stage in stages:
            self._frontier.offer(stage, self._most_after_crash.get(stage.key))

    def _settle(self, key: str, outcome: Outcome) -> None:
        self._note(key, outcome)
        if outcome.state != "failed":
            self._frontier.end(key)
            return
        reason = f"needs {self._stages[key].label}, which failed: {outcome.reason}"
        for stage in self._frontier.fail(key):
            self._note(stage.key, Outcome("blocked", reason))

    def _note(self, key: str, outcome: Outcome) -> None:
        self._outcomes[key] = outcome
        self._listener.settled(self._stages[key], outcome)

    def _show_progress(self) -> None:
        for lot in self._running.values():
            share = _share_done(lot.call.progress_file)
            if share is not None:
                self._listener.progressed(lot.stages, share)
        if self._elsewhere and not self._running:
            self._listener.waiting(len(self._elsewhere))

    def _look_elsewhere(self) -> None:
        """Offer again what another run was working on and no longer is."""
        for key in list(self._elsewhere):
            if self._store.state(key) != "running":
                self._offer([self._elsewhere.pop(key)])

    def _ask_workers_to_stop(self) -> None:
        # Where the disk is too full even for this, they are killed at once.
        with suppress(OSError):
            self._stop_file.touch()
            wait(self._running, timeout=SECONDS_TO_STOP)

    @property
    def _stop_file(self) -> Path:
        return self._folder / "stop"


def _find_work(
    stages: Mapping[str, Stage], targets: Iterable[str], store: Store
) -> tuple[list[str], dict[str, Stage]]:
    """Walk back from the targets to what the store has whole; a damaged artifact is missing.

    Returns:
        Keys of whole artifacts that the run needs, and the stages to run.
    """
    queue = list(targets)
    seen: dict[str, bool] = {}
    while queue:
        key = queue.pop()
        if key not in seen:
            seen[key] = store.verify(key)
            if not seen[key]:
                queue.extend(stages[key].needs)
    whole = [key for key in stages if seen.get(key) is True]
    return whole, {key: stage for key, stage in stages.items() if seen.get(key) is False}


def _share_done(progress_file: Path) -> float | None:
    try:
        done, total = map(float, progress_file.read_text().split())
    except (OSError, ValueError):  # not written yet, or being written now
        return None
    return done / total if total else None
