"""Run a graph of stages in worker processes on this machine."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from loky.process_executor import TerminatedWorkerError

from subliminal import machine
from subliminal.artifact_store import ArtifactStore
from subliminal.errors import UserError
from subliminal.executors.frontier import ONE_QUEUE
from subliminal.executors.outcome import Listener, Outcome
from subliminal.executors.schedule import run_stages
from subliminal.executors.slot import Slot
from subliminal.executors.worker import FileReporter, LotCall, Report
from subliminal.executors.workers import Crashed, Ending, Refused, Reported, Stages
from subliminal.stage import Stage, StageKind, memory_of

SECONDS_TO_STOP = 60.0
"""For a large model's checkpoint to be saved on a slow disk, and for replies that are paid for."""
SHARE_OF_MEMORY = 0.8


class LocalExecutor:
    """Worker processes on this machine, each with its share of the cores.

    Args:
        kinds: Stage kinds by name.
        jobs: Worker processes; no more than there are cores.
    """

    def __init__(self, kinds: Mapping[str, StageKind], jobs: int) -> None:
        self._kinds = kinds
        self.jobs = max(1, min(jobs, machine.cores()))
        self.threads = max(1, machine.cores() // self.jobs)

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
            _check_devices(missing.values())
            widths = {stage.cost.devices for stage in missing.values()}
            with TemporaryDirectory(prefix="subliminal-") as folder:
                slots = [Slot(number, self.threads) for number in range(self.jobs)]
                try:
                    yield _LocalWorkers(
                        self._kinds, store, self.threads, slots, widths, Path(folder)
                    )
                finally:
                    for slot in slots:
                        slot.kill()

        return run_stages(stages, targets, store, listener, workers)


def _check_devices(stages: Iterable[Stage]) -> None:
    """Refuse stages that are to have more GPUs than there are; without any, processes share cores.

    Raises:
        UserError: It says which, and what there is.
    """
    there = len(machine.cuda_devices())
    for stage in stages:
        if 0 < there < stage.cost.devices:
            raise UserError(
                f"{stage.label}: is to have {stage.cost.devices} GPUs at once, and this machine "
                f"has {there}; lower resources.devices or inference.tensor_parallel, or run it "
                "where there are more"
            )


@dataclass(frozen=True)
class _Lot:
    stages: Stages
    slots: tuple[Slot, ...]
    """That of its worker first; the others are kept free, for what it starts on their devices."""
    progress_file: Path


class _LocalWorkers:
    """Slots for worker processes, and what runs in them; see :class:`Workers`.

    Args:
        kinds: Stage kinds by name.
        store: Where artifacts are.
        threads: Of each slot.
        slots: Free ones, at least one.
        widths: How many devices stages take.
        folder: For what workers say.
    """

    def __init__(
        self,
        kinds: Mapping[str, StageKind],
        store: ArtifactStore,
        threads: int,
        slots: Collection[Slot],
        widths: Collection[int],
        folder: Path,
    ) -> None:
        self._kinds, self._store, self._threads, self._folder = kinds, store, threads, folder
        self._idle = list(reversed(list(slots)))
        self._slots, self._widths = len(slots), sorted(widths, reverse=True)
        self._devices = len(machine.cuda_devices())
        self._held_back = False
        self._running: dict[Future[list[Report]], _Lot] = {}
        self._memory_bytes = int(SHARE_OF_MEMORY * machine.memory_bytes())
        self._lots = 0

    def queue(self, stage: Stage) -> str:
        return _queue(stage.cost.devices)

    def most(self, stage: Stage) -> int:
        return self._kinds[stage.kind].most(stage)

    def room(self) -> Mapping[str, int]:
        # What takes several slots is asked for first, and for its sake nothing else is begun until
        # enough of them are free.
        self._held_back = False
        idle = len(self._idle)
        return {_queue(n): max(1, idle // n) if n > 1 else idle for n in self._widths}

    def fits(self, stages: Stages) -> bool:
        if self._held_back or not self._free_slots(stages[0]):
            self._held_back = True
            return False
        taken = sum(memory_of(lot.stages) for lot in self._running.values())
        return not self._running or taken + memory_of(stages) < self._memory_bytes

    def start(self, stages: Stages) -> None:
        self._lots += 1
        slots = self._free_slots(stages[0])
        for slot in slots:
            self._idle.remove(slot)
        for slot in slots[1:]:
            slot.kill()  # it may hold memory of its device
        lot = _Lot(stages, slots, self._folder / f"lot-{self._lots}")
        call = LotCall(
            store=self._store,
            kind=self._kinds[stages[0].kind],
            stages=stages,
            threads=self._threads * len(slots),
            devices=self._devices_of(slots, stages[0]),
            report=FileReporter(lot.progress_file, self._stop_file),
        )
        self._running[slots[0].submit(call)] = lot

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
        self._idle += reversed(lot.slots)
        error = future.exception()
        if error is None:
            return Reported(tuple(future.result()))
        if isinstance(error, TerminatedWorkerError):
            return Crashed(lot.stages)
        reason = f"its worker could not run it: {' '.join(str(error).split())}"
        return Refused(lot.stages, reason)

    def _free_slots(self, stage: Stage) -> tuple[Slot, ...]:
        """Slots for a stage, with a device each; none if there are too few."""
        needed = min(stage.cost.devices, self._slots)
        by_device: dict[int, Slot] = {}
        for slot in reversed(self._idle):
            by_device.setdefault(slot.number % (self._devices or self._slots), slot)
        slots = tuple(by_device.values())[:needed]
        return slots if len(slots) == needed else ()

    def _devices_of(self, slots: tuple[Slot, ...], stage: Stage) -> tuple[int, ...]:
        """The GPUs of slots; all that a stage needs where it takes more than there are slots."""
        if not self._devices:
            return ()
        if len(slots) < stage.cost.devices:
            return tuple(range(stage.cost.devices))
        return tuple(slot.number % self._devices for slot in slots)

    @property
    def _stop_file(self) -> Path:
        return self._folder / "stop"


def _queue(devices: int) -> str:
    return ONE_QUEUE if devices == 1 else f"{devices} devices"


def _share_done(progress_file: Path) -> float | None:
    try:
        done, total = map(float, progress_file.read_text().split())
    except (OSError, ValueError):  # not written yet, or being written now
        return None
    return done / total if total else None
