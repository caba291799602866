"""Stages that several processes do together: started, heard, stopped, and never left behind."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

from subliminal import machine
from subliminal.errors import UserError
from subliminal.executors import local
from subliminal.executors.together import is_to_be_sharded
from subliminal.executors.worker import LotCall, Report
from subliminal.spec.resources import Resources
from subliminal.stage import Cancelled, Stage
from subliminal.store import Store
from tests.test_interruptions import wait_until
from tests.toy_stages import events, read_value, run, run_here, run_lot_here, stage
from tests.user_errors import assert_one_line

STEPS = 5


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store")
    made.prepare()
    return made


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "log.txt"


def spread(log_file: Path, seed: int = 0, **params: Any) -> Stage:
    return stage("spread", seed, devices=2, log_file=log_file, **{"steps": STEPS, **params})


def processes(log_file: Path) -> set[int]:
    return {int(what.rpartition("-")[2]) for _, what in events(log_file)}


def test_the_first_process_leaves_the_artifact_and_none_is_left_behind(
    store: Store, log_file: Path
) -> None:
    beside = stage("number", 1, value=1)
    lot = [spread(log_file, seed) for seed in range(2)]
    outcomes, _ = run([*lot, beside], store)
    assert {outcome.state for outcome in outcomes.values()} == {"computed"}
    for made in lot:
        assert read_value(store.folder(made.key)) == STEPS * (1 + 2)
        assert not (store.folder(made.key) / "of-1").exists()
        manifest = store.manifest(made.key)
        assert manifest is not None
        assert manifest.counts == {
            "ranks": 2,
            "sharded": 0,
            "threads": max(1, machine.cores() // 2),
        }
    assert len(processes(log_file)) in (2, 4)  # one lot, or one for each of two workers
    assert not any(map(psutil.pid_exists, processes(log_file)))


def test_bad_ends_of_a_process_fail_the_stage_and_the_next_run_goes_on(
    store: Store, log_file: Path
) -> None:
    made = spread(log_file, ends=["kill", "stage", "bug"])
    for reason in (
        "process 2 of 2 died (SIGKILL: killed, or out of memory); run again to go on from the last "
        "checkpoint, or with more devices",
        "the loss became NaN",
        "RankError: ValueError: a bug (traceback in ",
    ):
        report = run_here(store, made)[made.key]
        assert report.state == "failed"
        assert (report.reason or "").startswith(reason)
        assert not any(map(psutil.pid_exists, processes(log_file)))
        step, value = (store.partial(made.key) / "step.txt").read_text().split()
        assert (int(step), int(value)) == (STEPS // 2, STEPS // 2 * 3)
    assert "in _come_to_next" in (store.partial(made.key) / "traceback.txt").read_text()
    assert run_here(store, made)[made.key].state == "computed"
    assert read_value(store.folder(made.key)) == STEPS * 3


def test_a_first_process_that_dies_before_it_is_answered_is_told(
    store: Store, log_file: Path
) -> None:
    def kill(done: float, total: float) -> None:
        for process in processes(log_file):
            os.kill(process, signal.SIGKILL)
            os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)

    made = spread(log_file)
    report = run_lot_here(store, kill, made)[made.key]
    assert report.state == "failed"
    assert "died (SIGKILL: killed, or out of memory); run again" in (report.reason or "")


def test_what_the_first_process_needs_no_other_for_is_done(store: Store, log_file: Path) -> None:
    made = spread(log_file, late_ends=["kill"], saving=0.5)
    assert run_here(store, made)[made.key].state == "computed"
    assert read_value(store.folder(made.key)) == STEPS * 3
    assert os.listdir(store.root / "partial") == []
    assert not any(map(psutil.pid_exists, processes(log_file)))


def test_a_stop_is_heard_and_progress_is_kept(store: Store, log_file: Path) -> None:
    made = spread(log_file, steps=10**6, seconds=0.01, saving=0.5)
    told: list[float] = []

    def stop(done: float, total: float) -> None:
        told.append(done)
        if len(told) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_lot_here(store, stop, made)
    step, value = map(int, (store.partial(made.key) / "step.txt").read_text().split())
    assert step >= told[-1] > 0
    assert (store.partial(made.key) / "saved").exists()
    assert value == 3 * step
    assert not any(map(psutil.pid_exists, processes(log_file)))


def test_processes_do_not_outlive_the_worker(store: Store, log_file: Path) -> None:
    made = spread(log_file, steps=10**6, seconds=0.01)
    child = os.fork()
    if child == 0:
        run_here(store, made)
        os._exit(1)
    wait_until(lambda: len(processes(log_file)) == 2)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    wait_until(lambda: not any(map(psutil.pid_exists, processes(log_file))))


def test_more_devices_than_there_are_are_refused(
    store: Store, log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: ["a device"])
    with pytest.raises(UserError) as error:
        run([spread(log_file)], store)
    assert_one_line(error, "spread of seed 0: is to have 2 GPUs at once", "this machine has 1")


def test_without_accelerate_the_processes_say_what_is_missing(
    store: Store, log_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "accelerate.py").write_text("raise ImportError")
    monkeypatch.syspath_prepend(tmp_path)
    made = spread(log_file)
    report = run_here(store, made)[made.key]
    assert report.state == "failed"
    assert report.reason == (
        "resources.devices: needs the library accelerate; pip install 'subliminal[lm]'"
    )


class FakeSlot:
    """Stands for a worker process that takes a while and makes nothing."""

    begun: ClassVar[list[tuple[LotCall, set[int]]]] = []
    """Each lot, and the GPUs that were in use when it was begun."""
    busy: ClassVar[Counter[int]] = Counter()
    killed: ClassVar[list[int]] = []
    threads = ThreadPoolExecutor()

    def __init__(self, number: int, threads: int) -> None:
        self.number = number

    def submit(self, call: LotCall) -> Future[list[Report]]:
        self.begun.append((call, {device for device, lots in self.busy.items() if lots}))
        self.busy.update(call.devices)
        return self.threads.submit(self._end, call)

    def _end(self, call: LotCall) -> list[Report]:
        time.sleep(0.05)
        self.busy.subtract(call.devices)
        return [Report(stage.key, "computed") for stage in call.stages]

    def kill(self) -> None:
        self.killed.append(self.number)


def test_each_stage_has_its_devices_to_itself(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "Slot", FakeSlot)
    monkeypatch.setattr(machine, "cores", lambda: 16)
    monkeypatch.setattr(machine, "cuda_devices", lambda: ["a device"] * 4)
    stages = [stage("spread", devices=2, steps=steps) for steps in range(3)]
    stages += [stage("sleep", seed, seconds=0) for seed in range(6)]
    stages += [stage("place", 0, devices=4)]
    outcomes, _ = run(stages, store, jobs=4)
    assert {outcome.state for outcome in outcomes.values()} == {"computed"}
    widths = Counter(len(call.devices) for call, _ in FakeSlot.begun)
    assert widths == {2: 3, 1: 6, 4: 1}
    for call, busy in FakeSlot.begun:
        assert len({*call.devices}) == call.stages[0].cost.devices
        assert not busy & {*call.devices}
        assert call.threads == 4 * len(call.devices)
    # Nothing narrow is begun while something wide waits; then all that is free is used.
    first = [len(call.devices) for call, _ in FakeSlot.begun][:3]
    assert first == [4, 2, 2]
    assert len(FakeSlot.killed) >= 3 + 3  # the processes that idle on devices of others


def test_large_trainings_are_sharded(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = (stage("spread", memory_bytes=size, devices=2) for size in (700, 900))
    assert not is_to_be_sharded(large)
    monkeypatch.setattr(machine, "device_memory_bytes", lambda: 1000)
    assert [is_to_be_sharded(made) for made in (small, large)] == [False, True]
    for name, expected in (("ddp", False), ("fsdp", True)):
        resources = Resources(parallelism=name)
        assert is_to_be_sharded(replace(large, resources=resources)) == expected
