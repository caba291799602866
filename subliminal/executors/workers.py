"""What runs lots of stages for a schedule: worker processes here, or the nodes of a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from subliminal.executors.worker import Report
from subliminal.stage import Stage

WORKER_BYTES = 600 * 2**20
"""Memory of a worker before it has any work."""

Stages = tuple[Stage, ...]


@dataclass(frozen=True)
class Reported:
    """A lot ran to its end."""

    reports: tuple[Report, ...]


@dataclass(frozen=True)
class Crashed:
    """A lot's worker died while it ran; one of its stages may be at fault."""

    stages: Stages


@dataclass(frozen=True)
class Lost:
    """The node that a lot ran on is gone; none of its stages is at fault."""

    stages: Stages


@dataclass(frozen=True)
class Refused:
    """A lot cannot be run."""

    stages: Stages
    reason: str


Ending = Reported | Crashed | Lost | Refused


class Workers(Protocol):
    """Runs lots side by side, as many as there is room for."""

    def queue(self, stage: Stage) -> str:
        """The queue in which a stage waits; those of one queue wait for the same room."""

    def most(self, stage: Stage) -> int:
        """The most stages of this one's lot that may run together."""

    def room(self) -> Mapping[str, int]:
        """Queue -> how many more lots of it can be started now."""

    def fits(self, stages: Stages) -> bool:
        """Whether a lot has enough memory beside those that run."""

    def start(self, stages: Stages) -> None:
        """Start a lot for which there is room."""

    def ended(self, seconds: float) -> list[Ending]:
        """Wait until lots end, or so long; say how they ended."""

    def shares(self) -> Iterator[tuple[Stages, float]]:
        """Running lots, each with the share of its work that is done, as far as it is known."""

    def running(self) -> int:
        """How many lots run."""

    def stop(self) -> None:
        """Ask the running lots to save what they have and to stop; wait a while for them."""
