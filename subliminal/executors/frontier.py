"""Which stages of a graph can run now, as others end."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from heapq import heappop, heappush

from subliminal.stage import Stage

_Group = tuple[str, str, int]
"""Queue, lot, and the most that may run together."""

ONE_QUEUE = ""


class Frontier:
    """The stages of a run that have not ended.

    Every operation takes time in proportion to the stages it concerns, never to the whole graph.

    Args:
        stages: Stages to run by key. What they need and is not among them is there already.
        max_lot: The most stages of this one's lot that may run together.
        queue: Where a stage waits when it can run; each queue is taken from on its own.
    """

    def __init__(
        self,
        stages: Mapping[str, Stage],
        max_lot: Callable[[Stage], int],
        queue: Callable[[Stage], str] = lambda _: ONE_QUEUE,
    ) -> None:
        self._left = dict(stages)
        self._max_lot, self._queue = max_lot, queue
        self._awaited: dict[str, set[str]] = {}
        self._awaited_by: defaultdict[str, list[str]] = defaultdict(list)
        self._ready: defaultdict[_Group, deque[Stage]] = defaultdict(deque)
        self._cost: defaultdict[_Group, float] = defaultdict(float)
        # Entries whose cost is no longer their group's are skipped when they come up.
        self._dearest: defaultdict[str, list[tuple[float, _Group]]] = defaultdict(list)
        for stage in stages.values():
            self._await_others(stage)

    def __len__(self) -> int:
        """Stages that have not ended."""
        return len(self._left)

    def offer(self, stage: Stage, most: int | None = None) -> None:
        """Let a stage be taken, in a lot of at most so many."""
        group = (self._queue(stage), stage.lot, most or self._max_lot(stage))
        self._ready[group].append(stage)
        self._reprice(group, stage.cost.flops)

    def take(self, workers: int, queue: str = ONE_QUEUE) -> list[list[Stage]]:
        """Take lots of stages that can run, one for each idle worker, the most expensive first."""
        lots: list[list[Stage]] = []
        dearest = self._dearest[queue]
        while dearest and len(lots) < workers:
            cost, group = heappop(dearest)
            if group in self._cost and self._cost[group] == -cost:
                lots.append(self._take_from(group))
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
        if not awaited:
            self.offer(stage)

    def _stop_awaiting(self, ended: str, key: str) -> None:
        awaited = self._awaited[key]
        awaited.discard(ended)
        if key in self._left and not awaited:
            self.offer(self._left[key])

    def _take_from(self, group: _Group) -> list[Stage]:
        ready, (_, _, most) = self._ready[group], group
        lot = [ready.popleft() for _ in range(min(most, len(ready)))]
        if ready:
            self._reprice(group, -sum(stage.cost.flops for stage in lot))
        else:
            del self._ready[group], self._cost[group]
        return lot

    def _reprice(self, group: _Group, change: float) -> None:
        self._cost[group] += change
        heappush(self._dearest[group[0]], (-self._cost[group], group))


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
