"""What becomes of lots whose workers, or whose nodes, are lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from subliminal.executors import Outcome
from subliminal.executors.schedule import ATTEMPTS_AT_A_LOSS, run_stages
from subliminal.executors.workers import Crashed, Ending, Lost, Refused, Reported, Stages
from subliminal.stage import Stage
from subliminal.store import Store
from tests.toy_stages import KINDS, Recorder, by_key, run_here, stage


class Fated:
    """Workers that meet the fates they are told, one for each lot, and then do their work."""

    def __init__(self, store: Store, fates: Sequence[str], most: int = 10) -> None:
        self._store, self._fates, self._most = store, list(fates), most
        self._lots: list[Stages] = []
        self.started: list[int] = []

    def queue(self, stage: Stage) -> str:
        return "odd" if stage.seed % 2 else "even"

    def most(self, stage: Stage) -> int:
        return min(self._most, KINDS[stage.kind].most_alike)

    def room(self) -> Mapping[str, int]:
        return {"even": 1, "odd": 1}

    def fits(self, stages: Stages) -> bool:
        return True

    def start(self, stages: Stages) -> None:
        self.started.append(len(stages))
        self._lots.append(stages)

    def ended(self, seconds: float) -> list[Ending]:
        lots, self._lots = self._lots, []
        return [self._end(lot) for lot in lots]

    def shares(self) -> Iterator[tuple[Stages, float]]:
        yield from ()

    def running(self) -> int:
        return len(self._lots)

    def stop(self) -> None:
        raise AssertionError("nobody stops it")

    def _end(self, lot: Stages) -> Ending:
        fate = self._fates.pop(0) if self._fates else "reported"
        if fate == "lost after the commit":
            run_here(self._store, *lot)
        if fate.startswith("lost"):
            return Lost(lot)
        if fate == "crashed":
            return Crashed(lot)
        if fate == "refused":
            return Refused(lot, "no")
        return Reported(tuple(run_here(self._store, *lot).values()))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


def go(store: Store, workers: Fated, *stages: Stage) -> dict[str, Outcome]:
    @contextmanager
    def opened(_: Mapping[str, Stage]) -> Iterator[Fated]:
        yield workers

    return run_stages(by_key(stages), [s.key for s in stages], store, Recorder(), opened)


@pytest.mark.parametrize("fate", ["lost", "lost after the commit"])
def test_a_lot_whose_node_is_lost_is_run_again_whole(store: Store, fate: str) -> None:
    lot = [stage("number", seed, value=1) for seed in (0, 2, 4)]
    workers = Fated(store, [fate] * (ATTEMPTS_AT_A_LOSS - 1))
    outcomes = go(store, workers, *lot)
    assert set(outcomes.values()) == {Outcome("computed")}
    assert workers.started == [3] * ATTEMPTS_AT_A_LOSS


def test_a_lot_that_loses_node_after_node_fails(store: Store) -> None:
    bad, beside = stage("number", 0, value=1), stage("number", 1, value=1)
    needing = stage("add", 0, [bad])
    fates = ["lost", "reported", *["lost"] * ATTEMPTS_AT_A_LOSS]
    outcomes = go(store, Fated(store, fates), bad, beside, needing)
    assert [outcomes[s.key].state for s in (bad, beside, needing)] == [
        "failed",
        "computed",
        "blocked",
    ]
    assert "5 nodes were lost while they ran it" in (outcomes[bad.key].reason or "")


def test_a_lot_whose_worker_crashes_is_halved(store: Store) -> None:
    lot = [stage("number", seed, value=1) for seed in (0, 2, 4, 6)]
    workers = Fated(store, ["crashed", "crashed"])
    assert set(go(store, workers, *lot).values()) == {Outcome("computed")}
    assert sorted(workers.started) == [1, 1, 2, 2, 4]


def test_what_is_refused_fails(store: Store) -> None:
    made = stage("number", 0, value=1)
    assert go(store, Fated(store, ["refused"]), made) == {made.key: Outcome("failed", "no")}
