"""Runs that are killed, stopped or started twice lose next to nothing and double nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psutil
import pytest

from subliminal.executors import LocalExecutor, local
from subliminal.store import Store
from tests.toy_stages import KINDS, PLANS, Recorder, events, read_value, run, run_here, stage

Processes = list[subprocess.Popen[bytes]]

REPOSITORY = Path(__file__).parents[1]
KILLS = 14
DEATH = 99
PATIENCE_SECONDS = 200


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "log.txt"


@pytest.fixture
def started() -> Iterator[Processes]:
    """Processes of a test; whatever is left of them is killed at its end."""
    processes: Processes = []
    yield processes
    for process in processes:
        for survivor in group(process.pid):
            survivor.kill()
        process.wait()


def start(plan: str, store: Store, log_file: Path) -> subprocess.Popen[bytes]:
    """Run a toy plan in a process group of its own."""
    args = (plan, str(store.root), str(log_file))
    return subprocess.Popen(
        [sys.executable, "-c", f"from tests.toy_stages import run_named_plan as r; r(*{args})"],
        cwd=REPOSITORY,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def group(leader: int) -> list[psutil.Process]:
    """What runs in a process group; the dead that nobody has waited for do not count."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def contents(store: Store) -> dict[str, str]:
    """Key -> value of every artifact, all of which must be whole."""
    keys = list(store.keys())
    assert all(store.verify(key) for key in keys)
    return {key: (store.folder(key) / "value.txt").read_text() for key in keys}


def steps(log_file: Path) -> list[tuple[str, str]]:
    return [event for event in events(log_file) if event[1].startswith("step")]


def test_a_run_killed_again_and_again_ends_as_if_it_never_was(
    tmp_path: Path, store: Store, log_file: Path, started: Processes
) -> None:
    moments = random.Random(20)
    for kill in range(KILLS):
        committed, before = set(contents(store)), len(events(log_file))
        process = start("counting", store, log_file)
        started.append(process)
        wait_until(lambda: len(events(log_file)) > before or process.poll() is not None)  # noqa: B023
        time.sleep(moments.uniform(0, 0.3))
        with_workers = kill % 2 == 0  # else they have to notice
        os.killpg(process.pid, signal.SIGKILL) if with_workers else process.kill()
        process.wait()
        again = {key for key, _ in events(log_file)[before:]} & committed
        assert not again, "what is committed is not run again"
    last = start("counting", store, log_file)
    started.append(last)
    assert last.wait(PATIENCE_SECONDS) == 0

    # A kill costs each of the two workers no more than the step it was at.
    assert len(steps(log_file)) - len(set(steps(log_file))) <= 2 * KILLS
    store.collect(contents(store))
    assert os.listdir(store.root / "tmp") == os.listdir(store.root / "partial") == []
    undisturbed = Store(tmp_path / "undisturbed")
    run(PLANS["counting"](tmp_path / "other"), undisturbed)
    assert contents(store) == contents(undisturbed)


def test_a_kill_at_any_operation_on_files_leaves_a_whole_artifact_or_none(store: Store) -> None:
    """The worker finds a damaged artifact, removes it, runs the stage and commits it."""
    store.prepare()
    made = stage("number", 7, value=2)
    for operation in count(1):
        run_here(store, made)
        (store.folder(made.key) / "value.txt").write_text("damaged")
        child = os.fork()
        if child == 0:
            die_at(operation)
            run_here(store, made)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        whole = store.verify(made.key)
        report = run_here(store, made)[made.key]
        assert report.state == ("cached" if whole else "computed")
        assert store.verify(made.key)
        assert read_value(store.folder(made.key)) == 2007
        store.collect([made.key])
        assert os.listdir(store.root / "tmp") == os.listdir(store.root / "partial") == []
        if code == 0:
            break
        assert code == DEATH
    assert operation > 10


def die_at(operation: int) -> None:
    """End this process, as a kill would, before an operation on files; they count from 1."""
    operations = count(1)

    def watch(event: str, _: object) -> None:
        if event.startswith(("open", "os.", "shutil.")) and next(operations) == operation:
            os._exit(DEATH)

    sys.addaudithook(watch)


def test_two_runs_at_once_share_the_work(store: Store, log_file: Path, started: Processes) -> None:
    started += [start("shared", store, log_file), start("shared", store, log_file)]
    assert [process.wait(PATIENCE_SECONDS) for process in started] == [0, 0]
    plan = PLANS["shared"](log_file)
    runs = Counter(key for key, what in events(log_file) if what == "run")
    assert runs == {stage.key: 1 for stage in plan}
    assert set(contents(store)) == {stage.key for stage in plan}


def test_a_run_takes_over_from_one_that_is_killed(
    store: Store, log_file: Path, started: Processes
) -> None:
    started.append(start("counting", store, log_file))
    wait_until(lambda: len(steps(log_file)) > 5)
    started.append(start("counting", store, log_file))
    wait_until(lambda: len(steps(log_file)) > 25)
    os.killpg(started[0].pid, signal.SIGKILL)
    assert started[1].wait(PATIENCE_SECONDS) == 0
    assert set(contents(store)) == {stage.key for stage in PLANS["counting"](log_file)}
    assert len(steps(log_file)) - len(set(steps(log_file))) <= 2


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_workers_do_not_outlive_the_run(
    store: Store, log_file: Path, started: Processes, end: signal.Signals
) -> None:
    process = start("endless", store, log_file)
    started.append(process)
    wait_until(lambda: {key for key, _ in steps(log_file)} == endless_keys(log_file))
    assert len(group(process.pid)) > 2
    process.send_signal(end)
    process.wait()
    wait_until(lambda: not group(process.pid))
    assert [store.state(key) for key in endless_keys(log_file)] == ["begun", "begun"]


def test_ctrl_c_stops_everything_and_keeps_the_progress(
    store: Store, log_file: Path, started: Processes
) -> None:
    process = start("endless", store, log_file)
    started.append(process)
    wait_until(lambda: {key for key, _ in steps(log_file)} == endless_keys(log_file))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert output.rstrip().endswith(b"KeyboardInterrupt")
    assert output.count(b"Traceback") == 1, "the workers are silent"
    wait_until(lambda: not group(process.pid))
    done = Counter(key for key, _ in steps(log_file))
    for key in endless_keys(log_file):
        assert store.state(key) == "begun"
        assert int((store.partial(key) / "step.txt").read_text()) == done[key]


def test_ctrl_c_while_the_workers_start(store: Store, log_file: Path, started: Processes) -> None:
    process = start("endless", store, log_file)
    started.append(process)
    wait_until(lambda: any("loky" in " ".join(p.cmdline()) for p in group(process.pid)))
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert output.rstrip().endswith(b"KeyboardInterrupt")
    wait_until(lambda: not group(process.pid))
    assert "running" not in [store.state(key) for key in endless_keys(log_file)]


def test_a_silent_stage_is_killed_when_its_time_to_stop_is_over(
    store: Store, log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press_ctrl_c() -> None:
        wait_until(lambda: events(log_file) != [])
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    monkeypatch.setattr(local, "SECONDS_TO_STOP", 0.2)
    store.prepare()
    silent = stage("sleep", 0, seconds=600, log_file=log_file)
    user, listener = threading.Thread(target=press_ctrl_c), Recorder()
    user.start()
    with pytest.raises(KeyboardInterrupt):
        LocalExecutor(KINDS, 1).run({silent.key: silent}, [silent.key], store, listener)
    user.join()
    assert listener.stopped
    workers = [p for p in psutil.Process().children() if "LokyProcess" in " ".join(p.cmdline())]
    assert workers == []
    assert store.state(silent.key) == "missing"


def endless_keys(log_file: Path) -> set[str]:
    return {stage.key for stage in PLANS["endless"](log_file)}
