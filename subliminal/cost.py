"""What a stage is expected to take: rows, tokens, operations, memory, and from these its time.

A roofline: matrix products run at a device's rate of products, or as fast as it reads their
operands where tokens are few; everything else runs as fast as it moves bytes; and no pass through a
model is faster than its blocks can be started one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Rates:
    """How fast a device works."""

    products: float
    """FLOP/s of matrix products."""
    traffic: float
    """Bytes/s that it reads and writes."""
    block_seconds: float = 0.0
    """In which one block of a model is started, however little it computes."""
    files: float = float("inf")
    """Bytes/s at which it reads files."""


ORDINARY = Rates(1e11, 1e10)
"""Of a processor's core: to weigh stages against one another where no device is named."""


@dataclass(frozen=True)
class Work:
    """Passes of one manner through a model."""

    flops: float = 0.0
    """Floating-point operations of the matrix products."""
    share: float = 1.0
    """Share of the device's rate of products that they reach."""
    operands: float = 0.0
    """Bytes of weights that the products read, where these are more than the tokens' own."""
    traffic: float = 0.0
    """Bytes that all else reads and writes."""
    blocks: float = 0.0
    """Blocks that are started one after the other."""
    files: float = 0.0
    """Bytes of files that are read."""

    def seconds(self, rates: Rates) -> float:
        """How long it takes."""
        products = max(self.flops / (self.share * rates.products), self.operands / rates.traffic)
        computing = products + self.traffic / rates.traffic
        return max(computing, self.blocks * rates.block_seconds) + self.files / rates.files


@dataclass(frozen=True)
class Memory:
    """Bytes that a stage takes while it runs."""

    fixed: int = 0
    """Of models, gradients and what optimisers remember."""
    batch: int = 0
    """Of what is in work at once; batches are halved where a device is full."""

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.fixed + other.fixed, self.batch + other.batch)

    @property
    def all(self) -> int:
        """Both together."""
        return self.fixed + self.batch


@dataclass(frozen=True)
class Cost:
    """What one stage is expected to take."""

    work: tuple[Work, ...] = ()
    memory: Memory = Memory()
    """That it adds to a worker while it runs."""
    at_once: bool = True
    """Whether a lot's stages run at once and so are in memory together."""
    devices: int = 1
    """GPUs that it takes, where it takes any."""
    rows: int = 0
    """Rows that it trains on, reads or writes, each once."""
    tokens: int = 0
    """Tokens that go through a model, as often as they do; those trained on once an epoch."""

    @property
    def flops(self) -> float:
        """Floating-point operations of its matrix products."""
        return sum(work.flops for work in self.work)

    @property
    def memory_bytes(self) -> int:
        """Memory it adds to a worker while it runs."""
        return self.memory.all

    def seconds(self, rates: Rates = ORDINARY) -> float:
        """How long it takes at a device's rates."""
        return sum(work.seconds(rates) for work in self.work)


def shared_seconds(costs: Iterable[Cost], rates: Rates, workers: int) -> float:
    """How long stages take that workers share: at least as long as the longest of them.

    Args:
        costs: Of the stages, each done by one worker.
        rates: Of every worker.
        workers: How many there are.
    """
    alone = [cost.seconds(rates) for cost in costs]
    return max(sum(alone) / workers, max(alone, default=0.0))
