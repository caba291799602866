"""What runs and their workers ask of a store, wherever it keeps its artifacts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from subliminal.stage import Stage
from subliminal.store import Provenance, State, Store


class Claim(Protocol):
    """A stage is being worked on by whoever holds this."""

    def release(self) -> None:
        """Let others work on it."""


class ArtifactStore(Protocol):
    """Artifacts by key; see :class:`subliminal.store.Store`. It can be sent to other processes."""

    @property
    def root(self) -> Path:
        """Folder of this machine in which stages are worked on."""

    def prepare(self) -> None:
        """Make it ready; raises :class:`UserError` if it cannot be written."""

    # What a run asks.

    def whole(self, keys: Iterable[str]) -> set[str]:
        """Which of these artifacts are there and undamaged."""

    def present(self, keys: Iterable[str]) -> set[str]:
        """Which of these artifacts are there; damage is not looked for."""

    def states(self, keys: Iterable[str]) -> dict[str, State]:
        """How far stages are."""

    def running(self, keys: Iterable[str]) -> set[str]:
        """Which of these stages another run is working on."""

    def readable(self, keys: Iterable[str]) -> Store:
        """A store on this machine in which the results of these artifacts can be read."""

    def collect(self, keep: Iterable[str], *, dry_run: bool = False) -> list[tuple[str, int]]:
        """Remove what no run needs; see :meth:`subliminal.store.Store.collect`."""

    # What a worker asks.

    def claim(self, key: str) -> Claim | None:
        """Keep others from working on a stage; None if one of them does."""

    def has(self, key: str) -> bool:
        """Whether an artifact is there; damage is not looked for."""

    def verify(self, key: str) -> bool:
        """Whether an artifact is there and undamaged. The caller holds the claim."""

    def discard(self, key: str) -> None:
        """Remove an artifact. The caller holds the claim."""

    def fetch(self, key: str) -> Path:
        """The folder of an artifact that is there, on this machine."""

    def partial(self, key: str) -> Path:
        """Where a stage keeps its progress on this machine."""

    def open_partial(self, key: str) -> Path:
        """The same, with the progress that is known. The caller holds the claim."""

    def open_folder(self, key: str) -> Path:
        """A fresh folder for a stage to fill. The caller holds the claim."""

    def keep_progress(self, keys: Iterable[str], *, stopping: bool = False) -> None:
        """Put the progress of stages where other machines find it, if it is not there already.

        Called again and again from within a stage, when it is not writing its progress.
        """

    def commit(
        self, stage: Stage, folder: Path, counts: Mapping[str, float], provenance: Provenance
    ) -> None:
        """Make a filled folder the stage's artifact, whole or not at all."""
