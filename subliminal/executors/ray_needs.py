"""What lots of stages need of a cluster's nodes, and how many of them the nodes hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from subliminal.errors import UserError
from subliminal.executors.workers import WORKER_BYTES
from subliminal.stage import Stage, memory_of

DEVICE, NO_DEVICE = "device", "no device"
"""The queues in which stages wait for a GPU, and for CPUs alone."""


@dataclass(frozen=True)
class Node:
    """What one node has."""

    cpus: int
    gpus: int
    memory_bytes: int

    def __str__(self) -> str:
        return _told(self.cpus, self.gpus, self.memory_bytes)


@dataclass(frozen=True)
class Needs:
    """What one lot needs of a node while it runs."""

    cpus: int
    gpus: int
    memory_bytes: int

    def fit(self, node: Node) -> bool:
        """Whether a node has that, when nothing else runs there."""
        return (
            self.cpus <= node.cpus
            and self.gpus <= node.gpus
            and self.memory_bytes <= node.memory_bytes
        )

    def __str__(self) -> str:
        return _told(self.cpus, self.gpus, self.memory_bytes)


@dataclass(frozen=True)
class Sizing:
    """How a cluster is shared out among lots; decided once, when a run starts."""

    threads: int
    """CPUs of a lot that uses no GPU."""
    device_threads: int
    """CPUs of a lot for each GPU that it uses; 0 where the cluster has no GPU."""
    lot_bytes: int
    """The most memory that a lot can have."""
    jobs: int | None
    """The most lots at once in each queue; None: as many as the nodes hold."""

    @classmethod
    def of(cls, nodes: Collection[Node], jobs: int | None) -> Sizing:
        """Share out the nodes that are there."""
        cpus = [node.cpus for node in nodes]
        threads = 1 if jobs is None else min(sum(cpus) // jobs, max(cpus, default=0))
        # One CPU for each GPU is left to the stages that need none.
        beside_device = [node.cpus // node.gpus - 1 for node in nodes if node.gpus]
        return cls(
            threads=max(1, threads),
            device_threads=max(1, min(beside_device)) if beside_device else 0,
            lot_bytes=max((node.memory_bytes for node in nodes), default=0),
            jobs=jobs,
        )

    def queue(self, stage: Stage) -> str:
        """Where a stage waits: for a GPU, if the cluster has them and the stage computes."""
        return DEVICE if self.device_threads and stage.cost.flops > 0 else NO_DEVICE

    def needs(self, stages: Collection[Stage]) -> Needs:
        """What a lot needs."""
        if self.queue(next(iter(stages))) == DEVICE:
            # The memory that its stages are expected to take is the GPU's.
            gpus = max(stage.cost.devices for stage in stages)
            return Needs(gpus * self.device_threads, gpus, WORKER_BYTES)
        return Needs(self.threads, 0, WORKER_BYTES + memory_of(stages))

    def most(self, stage: Stage, most: int) -> int:
        """Of so many stages of this one's lot, the most that a node has memory for."""
        each = stage.cost.memory_bytes if stage.cost.at_once else 0
        if each == 0 or self.queue(stage) == DEVICE:
            return most
        return max(1, min(most, (self.lot_bytes - WORKER_BYTES) // each))

    def room(self, nodes: Iterable[Node]) -> dict[str, int]:
        """Queue -> the lots that nodes hold.

        One at least, so that what no node is left for is asked for: a cluster may grow.
        """
        held = {NO_DEVICE: 0, DEVICE: 0}
        for node in nodes:
            held[NO_DEVICE] += node.cpus // self.threads
            held[DEVICE] += node.gpus
        return {queue: max(1, min(lots, self.jobs or lots)) for queue, lots in held.items()}

    def check(self, stages: Iterable[Stage], nodes: Collection[Node]) -> None:
        """Refuse stages that no node can run.

        Raises:
            UserError: It says what such a stage needs and what there is.
        """
        known: Mapping[Needs, Stage] = {self.needs([stage]): stage for stage in stages}
        for needs, stage in known.items():
            if not any(needs.fit(node) for node in nodes):
                raise UserError(f"{stage.label}: {no_node_for(needs, nodes)}")


def no_node_for(needs: Needs, nodes: Iterable[Node]) -> str:
    """Why a lot cannot be placed, in one line."""
    there = ", or ".join(sorted({str(node) for node in nodes})) or "nothing"
    return f"it needs {needs} of one node, and the nodes have {there}; add a larger node"


def _told(cpus: int, gpus: int, memory_bytes: int) -> str:
    devices = f"{gpus} GPU{'s' * (gpus != 1)}, " if gpus else ""
    return f"{devices}{cpus} CPU{'s' * (cpus != 1)}, {memory_bytes / 2**30:.1f} GiB of memory"
