"""What happens on a node of a Ray cluster: a lot is run, and the run is told how far it is."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

from subliminal import machine
from subliminal.artifact_store import ArtifactStore
from subliminal.executors.pace import Pace
from subliminal.executors.worker import LotCall, Report, run_lot
from subliminal.stage import Cancelled, Stage
from subliminal.store import MANIFEST

SECONDS_TO_ANSWER = 2.0
SECONDS_UNTIL_FILES_SHOW = 90.0
"""How long a shared folder may take to show a node what another has written there."""
SECONDS_BETWEEN_LOOKS = 0.5


class Board:
    """Where lots say how far they are, and read whether the run is being stopped.

    It is an actor beside the run, which has other things to do than to answer.
    """

    def __init__(self) -> None:
        self._shares: dict[int, float] = {}
        self._stopping = False

    def tell(self, lot: int, done: float, total: float) -> bool:
        """Say how far a lot is; the answer is whether it is to stop."""
        if total:
            self._shares[lot] = done / total
        return self._stopping

    def shares(self) -> dict[int, float]:
        """Lot -> share of its work that is done."""
        return self._shares

    def stop(self) -> None:
        """Let every lot stop at its next word."""
        self._stopping = True


class BoardReporter:
    """Progress and cancellation through a board.

    Args:
        board: Handle of the actor.
        lot: Number of the lot.
    """

    def __init__(self, board: Any, lot: int) -> None:
        self._board, self._lot = board, lot
        self._pace = Pace()

    def __call__(self, done: float, total: float) -> None:
        from ray.exceptions import RayError

        if not self._pace.is_time(done, total):
            return
        answer = self._board.tell.remote(self._lot, done, total)
        try:
            # As a future, because Ray gives the CPU of a task that waits for an object to others.
            stop = answer.future().result(SECONDS_TO_ANSWER)
        except (TimeoutError, RayError):  # A stage need not fail because its progress is not shown.
            return
        if stop:
            raise Cancelled


def run_on_node(call: LotCall, mark: Path | None) -> list[Report]:
    """Run a lot on this node; see :func:`run_lot`.

    Args:
        call: The lot.
        mark: A file of the run in the store, if that is a folder that nodes share.

    Raises:
        Cancelled: The run is being stopped.
    """
    if mark is not None and not _shows(mark):
        reason = (
            f"node {platform.node()} does not see the store {call.store.root}; name a folder that "
            "all nodes share with --out, or a URL with --store"
        )
        return [Report(stage.key, "failed", reason) for stage in call.stages]
    # PyTorch reads these when it is imported, which may be now.
    os.environ |= machine.thread_limits(call.threads)
    if mark is not None:
        _wait_for_inputs(call.store, call.stages)
    return run_lot(call)


def _wait_for_inputs(store: ArtifactStore, stages: tuple[Stage, ...]) -> None:
    """Wait until a shared folder shows here what other nodes have just written."""
    for key in {key for stage in stages for key in stage.inputs.values()}:
        _shows(store.fetch(key) / MANIFEST)


def _shows(path: Path) -> bool:
    deadline = time.monotonic() + SECONDS_UNTIL_FILES_SHOW
    while not path.exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return True
