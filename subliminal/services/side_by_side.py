"""Tasks that wait for services, done side by side in threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial

from subliminal.stage import Cancelled, Done, Failed, Reporter, Task, attempted

_STEP = 0.5
"""Seconds after which whoever waits for the lot is told again, and may stop it."""


def side_by_side(
    tasks: Sequence[Task], do: Callable[[Task, Reporter], Done | Failed], report: Reporter
) -> Iterator[Done | Failed]:
    """Do all tasks of a lot at once; one that cannot be done leaves the others be.

    Args:
        tasks: Of a lot.
        do: Does one, in a thread; it must call its reporter every few seconds.
        report: Told of the progress of all; where it raises :class:`Cancelled`, the threads'
            reporters raise it too, and it is passed on when they have ended.
    """
    progress = _Progress(len(tasks))

    with ThreadPoolExecutor(max(len(tasks), 1)) as pool:
        under_way = {
            pool.submit(attempted, task, partial(do, task, progress.of(place)))
            for place, task in enumerate(tasks)
        }
        try:
            while under_way:
                ended, under_way = wait(under_way, timeout=_STEP, return_when="FIRST_COMPLETED")
                report(progress.done, 1.0)
                yield from (future.result() for future in ended)
        finally:
            progress.stop.set()


class _Progress:
    """How far each of several tasks is, as their threads tell."""

    def __init__(self, count: int) -> None:
        self.stop = threading.Event()
        self._shares = [0.0] * count

    @property
    def done(self) -> float:
        """The share of all that is done."""
        return sum(self._shares) / len(self._shares)

    def of(self, place: int) -> Reporter:
        """The reporter of a task."""

        def tell(done: float, total: float) -> None:
            if self.stop.is_set():
                raise Cancelled
            self._shares[place] = done / total if total else 0.0

        return tell
