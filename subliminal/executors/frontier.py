"""Which stages of a graph can run now, as others end, and which of them first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from itertools import count, islice

from subliminal.stage import Stage

_Group = tuple[str, str, int]
"""Queue, lot, and the most that may run together."""

ONE_QUEUE = ""
LEAST_SECONDS = 1e-3
"""What a stage counts for at least: starting it takes time too."""


class Frontier:
    """The stages of a run that have not ended.

    Of those that can run, the one with the most work from it to the end of the run comes first:
    what takes longest must not be begun last. Every operation takes time in proportion to the
    stages it concerns, never to the whole graph.

    Args:
        stages: Stages to run by key. What they need and is not among them is there already.
        most: The most stages of this one's lot that may run together.
        queue: Where a stage waits when it can run; each queue is taken from on its own.
    """

    def __init__(
        self,
        stages: Mapping[str, Stage],
        most: Callable[[Stage], int],
        queue: Callable[[Stage], str] = lambda _: ONE_QUEUE,
    ) -> None:
        self._left = dict(stages)
        self._most, self._queue = most, queue
        self._awaited: dict[str, set[str]] = {}
        self._awaited_by: defaultdict[str, list[str]] = defaultdict(list)
        self._ready: defaultdict[_Group, dict[str, Stage]] = defaultdict(dict)
        # Entries whose stage has gone with the lot of another are skipped when they come up.
        self._next: defaultdict[str, list[tuple[float, int, _Group, str]]] = defaultdict(list)
        self._offers = count()
        for stage in stages.values():
            self._await_others(stage)
        self._work_to_the_end = self._add_up_work()
        for key, awaited in self._awaited.items():
            if not awaited:
                self.offer(stages[key])

    def __len__(self) -> int:
        """Stages that have not ended."""
        return len(self._left)

    def offer(self, stage: Stage, most: int | None = None) -> None:
        """Let a stage be taken, in a lot of at most so many."""
        queue = self._queue(stage)
        group = (queue, stage.lot, most or self._most(stage))
        self._ready[group][stage.key] = stage
        work = self._work_to_the_end[stage.key]
        heappush(self._next[queue], (-work, next(self._offers), group, stage.key))

    def take(self, workers: int, queue: str = ONE_QUEUE) -> list[list[Stage]]:
        """Take lots of stages that can run, one for each idle worker."""
        lots: list[list[Stage]] = []
        entries = self._next[queue]
        while entries and len(lots) < workers:
            _, _, group, key = heappop(entries)
            if key in self._ready.get(group, ()):
                lots.append(self._take_from(group, key))
        return _spread(lots, workers)

    def end(self, key: str) -> None:
        """A stage's artifact is there: what waited for it may run."""
        del self._left[key]
        for other in self._awaited_by.pop(key, ()):
            self._stop_awaiting(key, other)

    def fail(self, key: str) -> list[Stage]:
        """A stage's artifact cannot be had.

        Returns:
            The stages that therefore cannot run; they have ended too.
        """
        blocked: list[Stage] = []
        del self._left[key]
        failed = [key]
        while failed:
            bad = failed.pop()
            for other in self._awaited_by.pop(bad, ()):
                if other not in self._left:
                    continue
                if bad in self._left[other].needs:
                    blocked.append(self._left.pop(other))
                    failed.append(other)
                else:
                    self._stop_awaiting(bad, other)
        return blocked

    def _await_others(self, stage: Stage) -> None:
        before = {*stage.needs, *([stage.continues] if stage.continues else [])}
        awaited = {key for key in before if key in self._left}
        for key in awaited:
            self._awaited_by[key].append(stage.key)
        self._awaited[stage.key] = awaited

    def _stop_awaiting(self, ended: str, key: str) -> None:
        awaited = self._awaited[key]
        awaited.discard(ended)
        if key in self._left and not awaited:
            self.offer(self._left[key])

    def _add_up_work(self) -> dict[str, float]:
        """Key -> work of the stage and of the longest chain of stages that wait for it."""
        work: dict[str, float] = {}
        behind = {key: len(self._awaited_by.get(key, ())) for key in self._left}
        known = [key for key, others in behind.items() if not others]
        while known:
            key = known.pop()
            longest = max((work[other] for other in self._awaited_by.get(key, ())), default=0.0)
            work[key] = longest + max(self._left[key].cost.seconds(), LEAST_SECONDS)
            for before in self._awaited[key]:
                behind[before] -= 1
                if not behind[before]:
                    known.append(before)
        return work

    def _take_from(self, group: _Group, first: str) -> list[Stage]:
        ready, (_, _, most) = self._ready[group], group
        lot = [ready.pop(first)]
        lot += [ready.pop(key) for key in list(islice(ready, most - 1))]
        if not ready:
            del self._ready[group]
        return lot


def _spread(lots: list[list[Stage]], workers: int) -> list[list[Stage]]:
    """Halve the largest lots until every worker has one."""
    lots = list(lots)
    while lots and len(lots) < workers:
        largest = max(lots, key=len)
        if len(largest) == 1:
            break
        lots.remove(largest)
        half = len(largest) // 2
        lots += [largest[:half], largest[half:]]
    return lots
