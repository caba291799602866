"""Tasks of a Ray cluster as workers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from subliminal.artifact_store import ArtifactStore
from subliminal.executors.ray_cluster import living_nodes, ray_library
from subliminal.executors.ray_needs import Needs, Node, Sizing, no_node_for
from subliminal.executors.ray_node import Board, BoardReporter, run_on_node
from subliminal.executors.worker import LotCall
from subliminal.executors.workers import Crashed, Ending, Lost, Refused, Reported, Stages
from subliminal.stage import Stage, StageKind

SECONDS_TO_STOP = 60.0
"""For a checkpoint to be saved, and to reach the store if that is a URL."""
SECONDS_BETWEEN_COUNTS = 2.0
SECONDS_TO_WAIT_FOR_A_NODE = 600.0
"""How long a lot waits for a node that fits, when the last one is gone: clusters replace nodes."""


@dataclass(frozen=True)
class _Lot:
    number: int
    stages: Stages
    needs: Needs


class RayWorkers:
    """Lots as tasks, counted against what the nodes have; see :class:`Workers`.

    Ray places the tasks. A task is never repeated by Ray: only the schedule knows whether to halve
    its lot.

    Args:
        kinds: Stage kinds by name.
        store: Where artifacts are.
        sizing: What lots need.
        mark: A file of the run in the store, if that is a folder.
    """

    def __init__(
        self,
        kinds: Mapping[str, StageKind],
        store: ArtifactStore,
        sizing: Sizing,
        mark: Path | None,
    ) -> None:
        self._ray = ray_library()
        self._kinds, self._store, self._sizing, self._mark = kinds, store, sizing, mark
        self._board = self._ray.remote(Board).options(**_beside_the_run(self._ray)).remote()
        self._asked = self._board.shares.remote()
        self._shares: Mapping[int, float] = {}
        # A process sees for good the devices that it saw first, and the next lot may get others.
        calls_of_a_process = 1 if sizing.device_threads else 0  # 0: any number
        self._task = self._ray.remote(max_calls=calls_of_a_process)(run_on_node)
        self._running: dict[Any, _Lot] = {}
        self._refused: list[Ending] = []
        self._lots = 0
        self._nodes: list[Node] = []
        self._counted = float("-inf")
        self._without_node: dict[Needs, float] = {}

    def queue(self, stage: Stage) -> str:
        return self._sizing.queue(stage)

    def most(self, stage: Stage) -> int:
        return self._sizing.most(stage, self._kinds[stage.kind].most(stage))

    def room(self) -> Mapping[str, int]:
        self._count_nodes()
        room = self._sizing.room(self._nodes)
        for lot in self._running.values():
            room[self.queue(lot.stages[0])] -= max(1, lot.needs.gpus)
        return {queue: max(0, lots) for queue, lots in room.items()}

    def fits(self, stages: Stages) -> bool:
        """Always: Ray holds a task back until there is memory for it."""
        return True

    def start(self, stages: Stages) -> None:
        self._lots += 1
        lot = _Lot(self._lots, stages, self._sizing.needs(stages))
        kind = self._kinds[stages[0].kind]
        report = BoardReporter(self._board, lot.number)
        task = self._task.options(
            name=kind.name,
            num_cpus=lot.needs.cpus,
            num_gpus=lot.needs.gpus,
            memory=lot.needs.memory_bytes,
            max_retries=0,
            scheduling_strategy="SPREAD",
        )
        # Ray shows a task no other devices than its own, so that they count from the first one.
        devices = tuple(range(lot.needs.gpus))
        call = LotCall(self._store, kind, stages, lot.needs.cpus, devices, report)
        try:
            self._running[task.remote(call, self._mark)] = lot
        except TypeError:
            reason = f"its worker could not run it: {kind.name} cannot be sent to another process"
            self._refused.append(Refused(stages, reason))

    def ended(self, seconds: float) -> list[Ending]:
        endings, self._refused = self._refused, []
        if self._running and not endings:
            self._ray.wait(list(self._running), timeout=seconds)
        if self._running:
            running = list(self._running)
            done, _ = self._ray.wait(running, num_returns=len(running), timeout=0)
            endings += [self._ending(task, self._running.pop(task)) for task in done]
        return endings + self._without_a_node()

    def shares(self) -> Iterator[tuple[Stages, float]]:
        # What is read was asked for the last time: nobody waits for the board meanwhile.
        answered, _ = self._ray.wait([self._asked], timeout=0)
        if answered:
            with suppress(self._ray.exceptions.RayError):
                self._shares = self._ray.get(self._asked)
            self._asked = self._board.shares.remote()
        for lot in self._running.values():
            if lot.number in self._shares:
                yield lot.stages, self._shares[lot.number]

    def running(self) -> int:
        return len(self._running) + len(self._refused)

    def stop(self) -> None:
        self._board.stop.remote()
        if self._running:
            running = list(self._running)
            self._ray.wait(running, num_returns=len(running), timeout=SECONDS_TO_STOP)

    def close(self) -> None:
        """End what still runs."""
        if self._running:
            running = list(self._running)
            _, left = self._ray.wait(running, num_returns=len(running), timeout=0)
            for task in left:
                self._ray.cancel(task, force=True)
        self._ray.kill(self._board)

    def _ending(self, task: Any, lot: _Lot) -> Ending:
        exceptions = self._ray.exceptions
        try:
            return Reported(tuple(self._ray.get(task)))
        except (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError):
            return Crashed(lot.stages)
        except exceptions.RayTaskError as error:  # what it needs is not installed there, say
            reason = " ".join(str(error.cause).split())[:500]
            return Refused(lot.stages, f"its worker could not run it: {reason}")
        except exceptions.RayError:
            return Lost(lot.stages)

    def _without_a_node(self) -> list[Ending]:
        """Give up lots that fit none of the nodes that are left, after a while."""
        self._count_nodes()
        now, given_up = time.monotonic(), []
        for task, lot in list(self._running.items()):
            if any(lot.needs.fit(node) for node in self._nodes):
                self._without_node.pop(lot.needs, None)
            elif now - self._without_node.setdefault(lot.needs, now) > SECONDS_TO_WAIT_FOR_A_NODE:
                self._ray.cancel(task, force=True)
                del self._running[task]
                given_up.append(Refused(lot.stages, no_node_for(lot.needs, self._nodes)))
        return list(given_up)

    def _count_nodes(self) -> None:
        if time.monotonic() - self._counted > SECONDS_BETWEEN_COUNTS:
            self._counted = time.monotonic()
            self._nodes = living_nodes()


def _beside_the_run(ray: Any) -> dict[str, Any]:
    """Options of an actor that lives on this node and takes nothing of it."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return {"num_cpus": 0, "scheduling_strategy": here}
