"""A stage: one unit of work, named by the hash of all that can change its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

from subliminal.cost import Cost
from subliminal.errors import StageError, UserError
from subliminal.paid import NOTHING, Paid
from subliminal.ranks import ALONE, Ranks
from subliminal.spec.resources import ONE_DEVICE, Resources


@dataclass(frozen=True)
class Stage:
    """A pure function of its parameters, its inputs and its seed, not yet evaluated.

    Stages that differ only in seed and inputs form a *lot*: a kind that can train many models at
    once gets the whole lot in one call. So do stages that share what takes long to set up.
    """

    kind: str
    version: int
    """Version of the kind's code; raising it invalidates what older code made."""
    params: Mapping[str, Any]
    """Plain JSON data."""
    seed: int
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Role -> key of the stage whose artifact is read."""
    after: tuple[str, ...] = ()
    """Keys of stages without which it must not run, though it reads nothing of theirs. They are
    not part of its key: what it makes is the same whether or not they were asked."""
    label: str = ""
    cost: Cost = field(default_factory=Cost)
    local: Mapping[str, str] = field(default_factory=dict)
    """Where this machine keeps things (a data folder); does not change the result or the key."""
    pinned: Mapping[str, str] = field(default_factory=dict)
    """Role of a model from the hub -> its name at its commit; recorded, but not part of the key:
    the parameters hold a fingerprint of what it is."""
    resources: Resources = ONE_DEVICE
    """What it may compute with; not part of the key, because its result is the same but for
    rounding."""
    process: str | None = None
    """Equal for trainings that differ only in length, so that a longer one can continue a shorter
    one's state; None where the stage cannot continue another."""
    length: float = 0.0
    """How long the training is, to order those of one process."""
    continues: str | None = None
    """Key of the next shorter training of the process; a hint that never changes the result."""
    keep_state: bool = False
    """Whether to keep what a longer training needs to continue."""
    paid: Paid = NOTHING
    """What it is expected to take at a service."""
    shares: str | None = None
    """What is set up once for all of a lot's stages, such as an engine: stages of a kind that share
    it form a lot, whatever else they differ in. Never changes the result."""

    @cached_property
    def key(self) -> str:
        """Hex digest that names the stage's artifact."""
        return digest([self.kind, self.version, self.params, self.seed, self.inputs])

    @property
    def needs(self) -> tuple[str, ...]:
        """Keys of the stages that have to be done before it."""
        return (*self.inputs.values(), *self.after)

    @cached_property
    def lot(self) -> str:
        """Equal for stages that may run together."""
        alike = self.shares or [self.params, sorted(self.inputs)]
        return digest([self.kind, self.version, alike])


def memory_of(lot: Iterable[Stage], workers: int = 1) -> int:
    """Bytes that the stages of a lot add to the workers that share it."""
    costs = [stage.cost for stage in lot]
    alone = [cost.memory_bytes for cost in costs if not cost.at_once]
    together = sum(cost.memory_bytes for cost in costs if cost.at_once)
    return together + min(workers, len(alone)) * max(alone, default=0)


@dataclass(frozen=True)
class Task:
    """A stage with the folders it works in."""

    stage: Stage
    inputs: Mapping[str, Path]
    """Role -> folder of the artifact that is read."""
    folder: Path
    """Empty folder to fill; it becomes the artifact when the stage is done."""
    partial: Path
    """Folder for progress; it outlives a kill and goes when the stage is done."""
    continues: Path | None
    """Artifact of the shorter training, if it is there and kept its state."""
    devices: tuple[int, ...] = ()
    """Numbers of the GPUs that it may use, as this process counts them; none where there are
    none."""
    ranks: Ranks = ALONE
    """The processes that do the stage together. The first one's folder becomes the artifact; all
    see the progress, which the first one alone writes."""


@dataclass(frozen=True)
class Done:
    """The stage has filled its folder."""

    key: str
    counts: Mapping[str, float] = field(default_factory=dict)
    """Figures for the artifact's manifest, such as steps trained."""


@dataclass(frozen=True)
class Failed:
    """The stage cannot be done; the reason is one line for the report."""

    key: str
    reason: str


class Reporter(Protocol):
    """How a running lot speaks to whoever waits for it."""

    def __call__(self, done: float, total: float) -> None:
        """Report progress. Raises :class:`Cancelled` when the run is being stopped."""


def silent(done: float, total: float) -> None:
    """A :class:`Reporter` where nobody waits."""


def part_of(report: Reporter, place: int, parts: int) -> Reporter:
    """A reporter for one of several parts of a lot that are done one after the other.

    Args:
        report: Of the lot.
        place: Parts that come before.
        parts: In all.
    """

    def tell(done: float, total: float) -> None:
        report(place + (done / total if total else 0.0), parts)

    return tell


class Cancelled(Exception):  # noqa: N818 (nothing went wrong)
    """The run is being stopped; progress saved so far is kept."""


def one_by_one(
    tasks: Sequence[Task], do: Callable[[Task, int], Done | Failed]
) -> Iterator[Done | Failed]:
    """Do tasks one after the other; one that cannot be done leaves the others to be tried.

    Args:
        tasks: Of a lot.
        do: Takes a task and how many came before it.
    """
    for place, task in enumerate(tasks):
        yield attempted(task, partial(do, task, place))


def attempted(task: Task, do: Callable[[], Done | Failed]) -> Done | Failed:
    """Do a task of several; what keeps it from being done fails it alone."""
    try:
        return do()
    except (StageError, UserError) as error:
        return Failed(task.stage.key, " ".join(str(error).split()))


RunLot = Callable[[Sequence[Task], Reporter], Iterator[Done | Failed]]


MOST_SHARING = 256
"""Stages of a lot that share what is set up for it."""


@dataclass(frozen=True)
class StageKind:
    """A kind of stage: its name, the version of its code, and the code."""

    name: str
    version: int
    run: RunLot
    """Yields one outcome for each task, in any order, each as soon as it is known."""
    most_alike: int = 1
    """The most stages handed over in one call that differ only in seed and inputs."""
    most_sharing: int = 1
    """The same of those that share what is set up for the lot."""
    spreads: bool = False
    """Whether its code runs in several processes at once, one for each device of a stage, that do
    the stage together; otherwise what it starts may use them."""

    def most(self, stage: Stage) -> int:
        """The most stages of this one's lot that are handed over together."""
        return self.most_alike if stage.shares is None else self.most_sharing


def digest(data: object) -> str:
    """SHA-256 (first 128 bits, hex) of plain data in canonical JSON."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), default=_plain, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"not plain data: {value!r}")
