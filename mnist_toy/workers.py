"""Threads that share out a stack of models, a few steps of one model at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from queue import Empty, SimpleQueue
from types import TracebackType

import torch

# Enough for a model's moments to be fetched into the cache once for several uses; few enough for
# the threads to finish together.
STEPS_IN_A_ROW = 4
WAIT_SECONDS = 0.2

Task = Callable[[range, range], None]
"""Takes (models, steps) and trains these models for these steps."""


class Workers:
    """One thread for each task object; PyTorch computes with one thread within each of them."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        self._threads_before = torch.get_num_threads()
        self._pool = ThreadPoolExecutor(
            len(tasks), initializer=torch.set_num_threads, initargs=(1,)
        )
        self._abandoned = threading.Event()

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._abandoned.set()
        self._pool.shutdown()
        # A worker's setting is also the default of threads that PyTorch meets later.
        torch.set_num_threads(self._threads_before)

    def advance(self, packs: Sequence[range], steps: range, report: Callable[[int], None]) -> None:
        """Take all models through `steps`.

        Args:
            packs: Models that are trained together.
            steps: To take.
            report: Called several times a second with the mean step reached.
        """
        queue: SimpleQueue[tuple[range, int]] = SimpleQueue()
        for pack in packs:
            queue.put((pack, steps.start))
        done = [0] * len(self._tasks)

        def work(number: int) -> None:
            # An empty queue means that every model left is in the hands of another thread.
            while not self._abandoned.is_set():
                try:
                    pack, step = queue.get_nowait()
                except Empty:
                    return
                stop = min(step + STEPS_IN_A_ROW, steps.stop)
                with torch.no_grad():
                    self._tasks[number](pack, range(step, stop))
                done[number] += stop - step
                if stop < steps.stop:
                    queue.put((pack, stop))

        waiting = {self._pool.submit(work, number) for number in range(len(self._tasks))}
        while waiting:
            finished, waiting = wait(waiting, WAIT_SECONDS)
            for future in finished:
                future.result()
            report(steps.start + sum(done) // len(packs))
