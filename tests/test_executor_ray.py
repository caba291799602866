"""A cluster does what one machine does, and survives the loss of its nodes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from subliminal import machine
from subliminal.errors import UserError
from subliminal.executors import Outcome
from subliminal.executors.ray import RayExecutor
from subliminal.remote_store import RemoteStore
from subliminal.stage import Done, Stage, StageKind
from subliminal.store import Store
from tests.kill_trials import contents
from tests.language_stages import HEAD, models
from tests.ray_clusters import NODE_MEMORY, add_node, cluster
from tests.tiny import subliminal, work_here
from tests.toy_stages import (
    KINDS,
    PLANS,
    Recorder,
    by_key,
    events,
    read_value,
    run,
    stage,
)
from tests.user_errors import assert_one_line

REPOSITORY = Path(__file__).parents[1]
PATIENCE_SECONDS = 200


@pytest.fixture(scope="module")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds a folder for what each node keeps for itself."""
    return tmp_path_factory.mktemp("caches")


@pytest.fixture(scope="module")
def nodes(caches: Path) -> Iterator[Any]:
    """A cluster of two nodes, which every test leaves with two."""
    with cluster() as made:
        for number in range(2):
            add_node(made, caches / str(number))
        yield made


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "log.txt"


def run_on_cluster(
    stages: Sequence[Stage],
    store: Store | RemoteStore,
    listener: Recorder | None = None,
    jobs: int | None = None,
) -> dict[str, Outcome]:
    store.prepare()
    executor = RayExecutor(KINDS, jobs)
    return executor.run(by_key(stages), [s.key for s in stages], store, listener or Recorder())


def files(store: Store, plan: Sequence[Stage]) -> dict[str, object]:
    """Key -> checksums of the artifact's files; every artifact is whole."""
    assert store.whole(made.key for made in plan) == {made.key for made in plan}
    manifests = {made.key: store.manifest(made.key) for made in plan}
    return {key: manifest.files for key, manifest in manifests.items() if manifest}


def steps(log_file: Path) -> list[tuple[str, str]]:
    return [event for event in events(log_file) if event[1].startswith("step")]


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


# What runs, and where.


ARMS = """\
  reference: {role: reference}
  untaught: {teacher: {by: nothing}, control: none}
"""


def test_an_experiment_ends_as_on_one_machine(
    nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the command, with a CPU for each lot; then by the same command, here."""
    experiment = tmp_path / "experiment.yaml"
    experiment.write_text(HEAD.format(models=models()) + ARMS)
    command = ("run", experiment, "--set", "seeds=1", "--out")
    there = subliminal(*command, tmp_path / "there", "--executor", "ray", "--jobs", 4)
    assert there.code == 0, there
    monkeypatch.setattr(machine, "cores", lambda: 1)
    with work_here():
        here = subliminal(*command, tmp_path / "here")
    assert here.code == 0, here
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_a_killed_node_changes_nothing_of_the_result(
    nodes: Any, caches: Path, tmp_path: Path, store: Store, log_file: Path
) -> None:
    """Its lots are run on the other node, from where they were."""
    plan = PLANS["counting"](log_file)
    doomed = nodes.list_all_nodes()[-1]

    class Killer(Recorder):
        killed = False

        def progressed(self, stages: tuple[Stage, ...], share: float) -> None:
            super().progressed(stages, share)
            begun = {key for key, what in steps(log_file) if what == "step-5"}
            if len(begun) == 4 and not self.killed:  # two on each node
                self.killed = True
                nodes.remove_node(doomed, allow_graceful=False)

    killer = Killer()
    outcomes = run_on_cluster(plan, store, killer)
    add_node(nodes, caches / "1")
    assert killer.killed
    assert {outcome.state for outcome in outcomes.values()} == {"computed"}
    assert len(steps(log_file)) - len(set(steps(log_file))) <= 2
    assert Counter(key for key, what in events(log_file) if what == "run")[plan[-1].key] == 1
    here = Store(tmp_path / "here")
    run(PLANS["counting"](tmp_path / "other"), here)
    assert files(store, plan) == files(here, plan)


def test_a_cluster_without_a_shared_folder_keeps_artifacts_at_a_url(
    nodes: Any, caches: Path, tmp_path: Path, log_file: Path
) -> None:
    store = RemoteStore(f"file://{tmp_path}/bucket")
    naps = [stage("sleep", seed, log_file=log_file, seconds=0.5) for seed in range(6)]
    numbers = [stage("number", seed, value=1) for seed in range(4)]
    total = stage("add", 0, [*naps, *numbers])
    outcomes = run_on_cluster([*naps, *numbers, total], store)
    assert {outcome.state for outcome in outcomes.values()} == {"computed"}
    assert read_value(store.readable([total.key]).folder(total.key)) == 4006
    made_at = {
        number: {path.name for path in caches.glob(f"{number}/stores/*/artifacts/*")}
        for number in range(2)
    }
    assert made_at[0] | made_at[1] == set(outcomes)


def test_a_stage_that_fails_blocks_what_needs_it_and_the_rest_is_done(
    nodes: Any, store: Store
) -> None:
    bad, good = (stage("refuse", seed, odd_only=True) for seed in (1, 2))
    after_bad, after_good = stage("add", 1, [good, bad]), stage("add", 3, [good])
    listener = Recorder()
    outcomes = run_on_cluster([bad, good, after_bad, after_good], store, listener)
    assert outcomes == listener.ended
    assert outcomes == {
        bad.key: Outcome("failed", "it would not"),
        good.key: Outcome("computed"),
        after_bad.key: Outcome("blocked", "needs refuse of seed 1, which failed: it would not"),
        after_good.key: Outcome("computed"),
    }
    assert run_on_cluster([good, after_good], store) == {
        good.key: Outcome("cached"),
        after_good.key: Outcome("cached"),
    }


def test_a_lot_whose_worker_dies_is_halved_until_the_one_at_fault_is_alone(
    nodes: Any, store: Store, log_file: Path
) -> None:
    lot = [stage("die", seed, seeds=[2], always=True, log_file=log_file) for seed in range(4)]
    outcomes = run_on_cluster(lot, store, jobs=1)
    states = [outcomes[made.key].state for made in lot]
    assert states == ["computed", "computed", "failed", "computed"]
    assert "died twice" in (outcomes[lot[2].key].reason or "")


def test_a_kind_that_cannot_reach_a_node_fails(nodes: Any, store: Store) -> None:
    cannot_be_sent = (number for number in range(1))
    kind = StageKind("toy.number", 1, lambda tasks, report: (Done(str(n)) for n in cannot_be_sent))
    made = stage("number", 0, value=1)
    store.prepare()
    executor = RayExecutor({"toy.number": kind})
    outcome = executor.run({made.key: made}, [made.key], store, Recorder())[made.key]
    assert outcome == Outcome(
        "failed", "its worker could not run it: toy.number cannot be sent to another process"
    )


def test_stages_get_the_cpus_and_devices_that_they_can_use(
    nodes: Any, caches: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The node says that it has a device, where this process may see none.
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with_device = add_node(nodes, caches / "2", num_cpus=4, num_gpus=1)
    computing = [stage("place", 0, flops=1.0, lot=lot) for lot in range(2)]
    reading = [stage("place", seed, flops=0.0, reads=True) for seed in range(2)]
    outcomes = run_on_cluster([*computing, *reading], store)
    nodes.remove_node(with_device)
    assert {outcome.state for outcome in outcomes.values()} == {"computed"}
    figures = [store.manifest(made.key) for made in (*computing, *reading)]
    counts = [(m.counts["devices"], m.counts["threads"]) for m in figures if m]
    assert counts == [(1, 3), (1, 3), (0, 1), (0, 1)]
    # A process that has seen a device, or none, would see the same ones when it gets others.
    first, second, *others = (m.counts["process"] for m in figures if m)
    assert first != second
    assert not {first, second} & set(others)


# Stopping.


def test_a_stage_of_several_devices_is_done_by_several_processes(nodes: Any, store: Store) -> None:
    made = stage("spread", devices=2, steps=3)
    assert run_on_cluster([made], store)[made.key].state == "computed"
    assert read_value(store.folder(made.key)) == 3 * (1 + 2)


def test_ctrl_c_stops_everything_and_keeps_the_progress(
    nodes: Any, store: Store, log_file: Path
) -> None:
    class Interrupting(Recorder):
        def progressed(self, stages: tuple[Stage, ...], share: float) -> None:
            if {key for key, _ in steps(log_file)} == set(by_key(plan)):
                raise KeyboardInterrupt

    plan = PLANS["endless"](log_file)
    with pytest.raises(KeyboardInterrupt):
        run_on_cluster(plan, store, Interrupting())
    done = Counter(key for key, _ in steps(log_file))
    for made in plan:
        assert store.state(made.key) == "begun"
        assert int((store.partial(made.key) / "step.txt").read_text()) == done[made.key]


def test_a_run_waits_for_another_and_takes_over_when_that_is_killed(
    nodes: Any, store: Store, log_file: Path
) -> None:
    arguments = (nodes.address, str(store.root), str(log_file))
    call = f"from tests.test_executor_ray import run_elsewhere as r; r{arguments}"
    plan = PLANS["endless"](log_file)
    other = subprocess.Popen([sys.executable, "-c", call], cwd=REPOSITORY)

    class Killer(Recorder):
        def waiting(self, count: int) -> None:
            super().waiting(count)
            other.kill()
            other.wait()

        def progressed(self, stages: tuple[Stage, ...], share: float) -> None:
            assert self.waited
            raise KeyboardInterrupt

    killer = Killer()
    try:
        wait_until(lambda: {key for key, _ in steps(log_file)} == {s.key for s in plan})
        with pytest.raises(KeyboardInterrupt):
            run_on_cluster(plan, store, killer)
    finally:
        other.kill()
        other.wait()
    assert len(steps(log_file)) - len(set(steps(log_file))) <= 2


def run_elsewhere(address: str, root: str, log_file: str) -> None:
    """An endless run in a process of its own."""
    store, plan = Store(Path(root)), PLANS["endless"](Path(log_file))
    store.prepare()
    keys = [made.key for made in plan]
    RayExecutor(KINDS, address=address).run(by_key(plan), keys, store, Recorder())


# What cannot be run.


def test_a_stage_that_fits_no_node_is_refused_before_any_work(
    nodes: Any, store: Store, log_file: Path
) -> None:
    large = stage("number", 1, value=1, memory_bytes=4 * 2**30, log_file=log_file)
    with pytest.raises(UserError) as error:
        run_on_cluster([stage("number", 2, value=2, log_file=log_file), large], store)
    assert_one_line(
        error,
        "number of seed 1: it needs 1 CPU, 4.6 GiB of memory of one node, and the nodes have "
        "2 CPUs, 2.9 GiB of memory; add a larger node",
    )
    assert events(log_file) == []


def test_a_lot_is_no_larger_than_a_node_has_memory_for(nodes: Any, store: Store) -> None:
    lot = [stage("place", seed, memory_bytes=NODE_MEMORY // 4, flops=0.0) for seed in range(6)]
    run_on_cluster(lot, store, jobs=1)
    manifests = [store.manifest(made.key) for made in lot]
    assert max(manifest.counts["lot"] for manifest in manifests if manifest) == 3


def test_a_node_that_does_not_see_the_store_is_told(
    nodes: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subliminal.executors.ray_node.SECONDS_UNTIL_FILES_SHOW", 0.0)
    from subliminal.executors.ray_node import run_on_node
    from subliminal.executors.worker import FileReporter, LotCall

    store.prepare()
    made = stage("number", 1, value=1)
    report = FileReporter(store.root / "progress", store.root / "stop")
    call = LotCall(store, KINDS["toy.number"], (made,), 1, (), report)
    (told,) = run_on_node(call, store.root / "locks" / "run-of-another")
    assert told.state == "failed"
    assert f"does not see the store {store.root}; name a folder that all nodes" in str(told.reason)


def test_lots_that_no_node_is_left_for_fail_after_a_while(
    nodes: Any,
    caches: Path,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    log_file: Path,
) -> None:
    monkeypatch.setattr("subliminal.executors.ray_workers.SECONDS_TO_WAIT_FOR_A_NODE", 0.5)
    large = add_node(nodes, caches / "2", num_cpus=3)
    plan = PLANS["endless"](log_file)[:1]

    class Killer(Recorder):
        def progressed(self, stages: tuple[Stage, ...], share: float) -> None:
            if large in nodes.list_all_nodes():
                nodes.remove_node(large, allow_graceful=False)

    store.prepare()
    outcomes = run_on_cluster(plan, store, Killer(), jobs=1)
    assert outcomes[plan[0].key].state == "failed"
    assert "it needs 3 CPUs" in (outcomes[plan[0].key].reason or "")
