"""Run a graph of stages on a Ray cluster, or on a Ray of this machine's own."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from subliminal.artifact_store import ArtifactStore
from subliminal.executors.outcome import Listener, Outcome
from subliminal.executors.ray_cluster import connected, living_nodes
from subliminal.executors.ray_needs import Sizing
from subliminal.executors.ray_workers import RayWorkers
from subliminal.executors.schedule import run_stages
from subliminal.stage import Stage, StageKind
from subliminal.store import Store


class RayExecutor:
    """Lots of stages as tasks of a Ray cluster.

    All nodes need this package and its libraries, in the same versions. They need the store too: a
    folder that all of them see under the same path, or a URL.

    Args:
        kinds: Stage kinds by name.
        jobs: The most lots at once; the CPUs of the cluster are divided among so many. Default:
            one for each GPU and each CPU.
        address: Of the cluster, `host:port`; `auto` finds one that runs on this machine. Default:
            find one, or else start a Ray on this machine for the time of the run.
    """

    def __init__(
        self, kinds: Mapping[str, StageKind], jobs: int | None = None, address: str | None = None
    ) -> None:
        self._kinds, self._jobs, self._address = kinds, jobs, address

    def run(
        self,
        stages: Mapping[str, Stage],
        targets: Iterable[str],
        store: ArtifactStore,
        listener: Listener,
    ) -> dict[str, Outcome]:
        """Compute what the targets need and the store lacks; see :func:`run_stages`.

        Raises:
            UserError: Ray is not installed, there is no cluster, or no node of it fits a stage.
            KeyboardInterrupt: After the workers have stopped; what they saved is kept.
        """

        if isinstance(store, Store):
            store = Store(store.root.absolute())  # nodes start in folders of their own

        @contextmanager
        def workers(missing: Mapping[str, Stage]) -> Iterator[RayWorkers]:
            with connected(self._address), _mark(store) as mark:
                sizing = Sizing.of(living_nodes(), self._jobs)
                sizing.check(missing.values(), living_nodes())
                opened = RayWorkers(self._kinds, store, sizing, mark)
                try:
                    yield opened
                finally:
                    opened.close()

        return run_stages(stages, targets, store, listener, workers)


@contextmanager
def _mark(store: ArtifactStore) -> Iterator[Path | None]:
    """A file by which nodes tell that they see this very folder; None where it is no folder."""
    if not isinstance(store, Store):
        yield None
        return
    mark = store.root / "locks" / f"run-{secrets.token_hex(8)}"
    mark.touch()
    try:
        yield mark
    finally:
        mark.unlink(missing_ok=True)
