"""How stages end, who is told, and who gets them done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from subliminal.artifact_store import ArtifactStore
from subliminal.stage import Stage


@dataclass(frozen=True)
class Outcome:
    """How one stage ended."""

    state: Literal["computed", "cached", "failed", "blocked"]
    reason: str | None = None
    counts: Mapping[str, float] = field(default_factory=dict, compare=False)
    """Figures of the work, if this run did it."""


class Listener(Protocol):
    """Who wants to know how a run goes (a progress bar, a log)."""

    def planned(self, stages: list[Stage]) -> None:
        """The stages that have to be computed."""

    def progressed(self, stages: tuple[Stage, ...], share: float) -> None:
        """A running lot has done this share of its work."""

    def settled(self, stage: Stage, outcome: Outcome) -> None:
        """A stage has ended."""

    def waiting(self, count: int) -> None:
        """This many stages are being computed by another run."""

    def stopping(self) -> None:
        """The run is being stopped: what runs saves what it has, which may take a while."""


class Executor(Protocol):
    """Gets a graph of stages done."""

    def run(
        self,
        stages: Mapping[str, Stage],
        targets: Iterable[str],
        store: ArtifactStore,
        listener: Listener,
    ) -> dict[str, Outcome]:
        """Compute what the targets need and the store lacks.

        Args:
            stages: All stages by key; all that a stage needs is among them.
            targets: Keys whose artifacts are wanted.
            store: Where artifacts are read and written; it has been prepared.
            listener: Told of progress.

        Returns:
            The outcome of every stage that was needed, or found, on the way.

        Raises:
            KeyboardInterrupt: After the workers have stopped; what they saved is kept.
        """
