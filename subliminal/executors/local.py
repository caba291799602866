"""Run a graph of stages in worker processes on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from loky.process_executor import TerminatedWorkerError

from subliminal import machine
from subliminal.artifact_store import ArtifactStore
from subliminal.executors.frontier import ONE_QUEUE
from subliminal.executors.outcome import Listener, Outcome
from subliminal.executors.schedule import run_stages
from subliminal.executors.slot import Slot
from subliminal.executors.worker import FileReporter, LotCall, Report
from subliminal.executors.workers import Crashed, Ending, Refused, Reported, Stages
from subliminal.stage import Stage, StageKind, memory_of

SECONDS_TO_STOP = 8.0
SHARE_OF_MEMORY = 0.8


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

    @property
    def threads(self) -> int:
        """Of each worker."""
        return _threads(self.jobs)

    def run(
        self,
        stages: Mapping[str, Stage],
        targets: Iterable[str],
        store: ArtifactStore,
        listener: Listener,
    ) -> dict[str, Outcome]:
        """Compute what the targets need and the store lacks; see :func:`run_stages`."""

        @contextmanager
        def workers(missing: Mapping[str, Stage]) -> Iterator[_LocalWorkers]:
            jobs = self._jobs_with_devices(missing.values())
            threads = _threads(jobs)
            with TemporaryDirectory(prefix="subliminal-") as folder:
                slots = [Slot(number, threads) for number in range(jobs)]
                try:
                    yield _LocalWorkers(self._kinds, store, threads, slots, Path(folder))
                finally:
                    for slot in slots:
                        slot.kill()

        return run_stages(stages, targets, store, listener, workers)

    def _jobs_with_devices(self, stages: Iterable[Stage]) -> int:
        """Workers side by side: fewer where a stage takes several devices."""
        most = max((stage.cost.devices for stage in stages), default=1)
        devices = len(machine.cuda_devices())
        return self.jobs if most == 1 or not devices else max(1, min(self.jobs, devices // most))


def _threads(jobs: int) -> int:
    return max(1, machine.cores() // jobs)


@dataclass(frozen=True)
class _Lot:
    stages: Stages
    slot: Slot
    progress_file: Path


class _LocalWorkers:
    """Slots for worker processes, and what runs in them; see :class:`Workers`."""

    def __init__(
        self,
        kinds: Mapping[str, StageKind],
        store: ArtifactStore,
        threads: int,
        slots: Iterable[Slot],
        folder: Path,
    ) -> None:
        self._kinds, self._store, self._threads, self._folder = kinds, store, threads, folder
        self._idle = list(reversed(list(slots)))
        self._running: dict[Future[list[Report]], _Lot] = {}
        self._memory_bytes = int(SHARE_OF_MEMORY * machine.memory_bytes())
        self._lots = 0

    def queue(self, _: Stage) -> str:
        return ONE_QUEUE

    def most(self, stage: Stage) -> int:
        return self._kinds[stage.kind].most(stage)

    def room(self) -> Mapping[str, int]:
        return {ONE_QUEUE: len(self._idle)}

    def fits(self, stages: Stages) -> bool:
        taken = sum(memory_of(lot.stages) for lot in self._running.values())
        return not self._running or taken + memory_of(stages) < self._memory_bytes

    def start(self, stages: Stages) -> None:
        self._lots += 1
        slot = self._idle.pop()
        lot = _Lot(stages, slot, self._folder / f"lot-{self._lots}")
        call = LotCall(
            store=self._store,
            kind=self._kinds[stages[0].kind],
            stages=stages,
            threads=self._threads,
            slot=slot.number,
            report=FileReporter(lot.progress_file, self._stop_file),
        )
        self._running[slot.submit(call)] = lot

    def ended(self, seconds: float) -> list[Ending]:
        done, _ = wait(self._running, seconds, return_when=FIRST_COMPLETED)
        return [self._ending(future) for future in done]

    def shares(self) -> Iterator[tuple[Stages, float]]:
        for lot in self._running.values():
            share = _share_done(lot.progress_file)
            if share is not None:
                yield lot.stages, share

    def running(self) -> int:
        return len(self._running)

    def stop(self) -> None:
        # Where the disk is too full even for this, they are killed at once.
        with suppress(OSError):
            self._stop_file.touch()
            wait(self._running, timeout=SECONDS_TO_STOP)

    def _ending(self, future: Future[list[Report]]) -> Ending:
        lot = self._running.pop(future)
        self._idle.append(lot.slot)
        error = future.exception()
        if error is None:
            return Reported(tuple(future.result()))
        if isinstance(error, TerminatedWorkerError):
            return Crashed(lot.stages)
        reason = f"its worker could not run it: {' '.join(str(error).split())}"
        return Refused(lot.stages, reason)

    @property
    def _stop_file(self) -> Path:
        return self._folder / "stop"


def _share_done(progress_file: Path) -> float | None:
    try:
        done, total = map(float, progress_file.read_text().split())
    except (OSError, ValueError):  # not written yet, or being written now
        return None
    return done / total if total else None
