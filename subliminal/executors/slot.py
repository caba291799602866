"""A place for one worker process."""

from __future__ import annotations

import os
from concurrent.futures import Future

from loky import ProcessPoolExecutor
from loky.process_executor import BrokenProcessPool

from subliminal import machine
from subliminal.executors.interrupts import interrupts_held_back
from subliminal.executors.leaving import leave_with
from subliminal.executors.worker import LotCall, Report, run_lot

GROWTH_BYTES = 4 * 2**30
"""How far a worker may grow before it is replaced; data sets and stacks of models stay below."""


class Slot:
    """A worker process: started when first needed, and anew after it died.

    Each slot is a pool of its own, so that a worker that dies takes nobody along and the lot that
    killed it is known.

    Args:
        number: Its place among the slots of an executor.
        threads: Threads the worker may compute with.
    """

    def __init__(self, number: int, threads: int) -> None:
        self.number = number
        self._threads = threads
        self._pool: ProcessPoolExecutor | None = None

    def submit(self, call: LotCall) -> Future[list[Report]]:
        """Hand a lot to the worker, which must be idle."""
        with interrupts_held_back():
            try:
                return self._living().submit(run_lot, call)
            except BrokenProcessPool:  # the worker has died since its last lot
                self.kill()
                return self._living().submit(run_lot, call)

    def kill(self) -> None:
        """End the worker, if there is one."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, kill_workers=True)
            self._pool = None

    def _living(self) -> ProcessPoolExecutor:
        if self._pool is None:
            limits = machine.thread_limits(self._threads)
            self._pool = ProcessPoolExecutor(
                max_workers=1,
                env={**limits, "LOKY_MAX_MEMORY_LEAK_SIZE": str(GROWTH_BYTES)},
                initializer=leave_with,
                initargs=(os.getpid(),),
            )
        return self._pool
