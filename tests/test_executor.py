"""The local executor does each piece of work once, in parallel, and survives what fails."""

from __future__ import annotations

import errno
import os
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from subliminal import atomic, machine
from subliminal.executors import LocalExecutor, Outcome
from subliminal.executors.worker import FileReporter
from subliminal.stage import Cancelled, Done, Stage, StageKind
from subliminal.store import Store, try_lock
from tests.toy_stages import KINDS, Recorder, by_key, events, read_value, run, run_here, stage


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "log.txt"


def runs(log_file: Path) -> Counter[str]:
    """How often each stage was run."""
    return Counter(key for key, what in events(log_file) if what == "run")


# Work is done once.


def table(log_file: Path, seeds: int, arms: int, version: int = 1) -> list[Stage]:
    """A teacher for each seed, shared by as many students for each seed as there are arms."""
    teachers = [
        stage("number", s, value=1, log_file=log_file, version=version) for s in range(seeds)
    ]
    students = [
        stage("add", seed, [teacher], arm=arm, log_file=log_file)
        for arm in range(arms)
        for seed, teacher in enumerate(teachers)
    ]
    return [*teachers, *students]


def test_only_new_work_is_done(store: Store, log_file: Path) -> None:
    first = table(log_file, seeds=3, arms=2)
    outcomes, recorder = run(first, store)
    assert {outcome.state for outcome in outcomes.values()} == {"computed"}
    assert runs(log_file) == dict.fromkeys(by_key(first), 1)
    assert set(recorder.to_compute) == set(by_key(first)) == set(recorder.ended)

    more_seeds_and_arms = table(log_file, seeds=4, arms=3)
    outcomes, recorder = run(more_seeds_and_arms, store)
    new = by_key(more_seeds_and_arms).keys() - by_key(first).keys()
    assert len(new) == 1 + 2 + 4  # a teacher, its students in the old arms, an arm of students
    assert {key for key, outcome in outcomes.items() if outcome.state == "computed"} == new
    assert set(recorder.to_compute) == new
    assert runs(log_file) == dict.fromkeys(by_key(more_seeds_and_arms), 1)

    new_code = table(log_file, seeds=3, arms=1, version=2)
    run(new_code, store)
    assert all(runs(log_file)[key] == 1 for key in by_key(new_code))

    run(more_seeds_and_arms, store)
    assert max(runs(log_file).values()) == 1


def test_only_what_the_targets_need_is_done(store: Store, log_file: Path) -> None:
    stages = table(log_file, seeds=2, arms=2)
    student = stages[-1]
    outcomes = LocalExecutor(KINDS, 1).run(by_key(stages), [student.key], store, Recorder())
    assert set(outcomes) == {student.key, student.inputs["a"]} == set(runs(log_file))
    teacher = store.folder(student.inputs["a"])
    assert read_value(store.folder(student.key)) == read_value(teacher) == 1001


def test_a_damaged_artifact_is_made_again(store: Store, log_file: Path) -> None:
    stages = table(log_file, seeds=2, arms=1)
    run(stages, store)
    for damaged in (stages[0], stages[3]):
        (store.folder(damaged.key) / "value.txt").write_text("666")
    outcomes, _ = run(stages, store)
    again = {key for key, outcome in outcomes.items() if outcome.state == "computed"}
    assert again == {stages[0].key, stages[3].key}
    assert [read_value(store.folder(s.key)) for s in stages] == [1000, 1001, 1000, 1001]


def test_a_damaged_artifact_is_made_again_though_it_was_locked_at_first(store: Store) -> None:
    made = stage("number", 1, value=1)
    run_here(store, made)
    (store.folder(made.key) / "value.txt").write_text("666")
    lock = store.lock(made.key)
    assert try_lock(lock)
    assert run_here(store, made)[made.key].state == "busy"
    lock.release()
    assert run_here(store, made)[made.key].state == "computed"
    assert run_here(store, made)[made.key].state == "cached"
    assert read_value(store.folder(made.key)) == 1001


def test_locks_are_free_after_a_lot(store: Store) -> None:
    made = [stage("refuse", seed, odd_only=True) for seed in range(3)]
    run_here(store, *made)
    assert [store.state(s.key) for s in made] == ["done", "missing", "done"]


# Stages run in lots, in parallel, within the cores.


def test_stages_of_a_lot_run_together_up_to_the_most(store: Store) -> None:
    stages = [stage("lot", seed) for seed in range(14)]
    run(stages, store, jobs=1)
    manifests = [store.manifest(s.key) for s in stages]
    sizes = Counter(manifest.counts["lot"] for manifest in manifests if manifest)
    assert sizes == {10: 10, 4: 4}


def test_workers_share_the_cores(store: Store) -> None:
    stages = [stage("threads", seed) for seed in range(2)]
    run(stages, store, jobs=2)
    manifests = [store.manifest(s.key) for s in stages]
    figures = [manifest.counts for manifest in manifests if manifest]
    share = max(1, machine.cores() // 2)
    assert [counts["omp"] for counts in figures] == [share, share]
    # MKL may lower it to the physical cores.
    assert all(1 <= counts["torch"] <= share for counts in figures)
    workers = {counts["process"] for counts in figures}
    assert len(workers) == min(2, machine.cores())
    assert os.getpid() not in workers


@pytest.mark.parametrize(
    ("asked", "expected"), [(8, (8, 1)), (3, (3, 2)), (100, (8, 1)), (2, (2, 4))]
)
def test_jobs_and_threads(
    monkeypatch: pytest.MonkeyPatch, asked: int, expected: tuple[int, int]
) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 8)
    executor = LocalExecutor(KINDS, asked)
    assert (executor.jobs, executor.threads) == expected


def test_lots_too_large_for_the_memory_run_one_after_another(
    store: Store, log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "memory_bytes", lambda: 100)
    stages = [
        stage("sleep", seed, seconds=0.1, memory_bytes=size, log_file=log_file)
        for seed, size in enumerate((60, 60, 1000))
    ]
    outcomes, _ = run(stages, store)
    assert {outcome.state for outcome in outcomes.values()} == {"computed"}
    assert [what for _, what in events(log_file)] == ["run", "end"] * 3


def test_a_longer_training_waits_for_the_shorter_one_and_survives_its_failure(
    store: Store, log_file: Path
) -> None:
    shorter = stage("refuse", 1, log_file=log_file)
    longer = replace(stage("number", 1, value=1, log_file=log_file), continues=shorter.key)
    outcomes, _ = run([longer, shorter], store)
    assert [key for key, _ in events(log_file)] == [shorter.key, longer.key]
    assert outcomes[longer.key].state == "computed"


def test_progress_is_told(store: Store) -> None:
    _, recorder = run([stage("count", 0, steps=15, seconds=0.1)], store)
    assert recorder.shares == sorted(recorder.shares)
    assert recorder.shares
    assert 0 < recorder.shares[-1] < 1


# What fails is reported, the rest goes on.


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("user", "data/x.csv: missing; download it"),
        ("stage", "the loss became NaN"),
        ("full", "/disk/file: cannot be written (No space left on device); free space or"),
        ("bug", "ValueError: a bug (traceback in "),
        ("missing", "FileNotFoundError: [Errno 2] No such file: '/nowhere' (traceback in "),
    ],
)
def test_an_error_fails_what_was_not_done_yet(store: Store, error: str, reason: str) -> None:
    stages = [stage("throw", seed, error=error, after=2) for seed in range(4)]
    reports = run_here(store, *stages)
    states = [reports[s.key].state for s in stages]
    assert states == ["computed", "computed", "failed", "failed"]
    assert (reports[stages[2].key].reason or "").startswith(reason)
    assert all(store.verify(s.key) for s in stages[:2])
    assert not any(store.has(s.key) for s in stages[2:])
    assert os.listdir(store.root / "tmp") == []


def test_a_bug_leaves_its_traceback(store: Store) -> None:
    broken = stage("throw", 0, error="bug")
    reason = run_here(store, broken)[broken.key].reason or ""
    trace = store.partial(broken.key) / "traceback.txt"
    assert str(trace) in reason
    assert "errors[params" in trace.read_text()


def test_a_bug_on_a_full_disk_is_still_reported(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise atomic.cannot_write(path, OSError(errno.ENOSPC, "No space left on device"))

    monkeypatch.setattr(atomic, "write_text", full)
    broken = stage("throw", 0, error="bug")
    reason = run_here(store, broken)[broken.key].reason or ""
    assert reason.startswith("ValueError: a bug (no traceback: ")


def test_a_stage_that_forgets_its_result_fails(store: Store) -> None:
    forgetful = stage("forget", 0)
    assert run_here(store, forgetful)[forgetful.key].state == "failed"


def test_what_needs_a_failed_stage_is_blocked_and_the_rest_is_done(store: Store) -> None:
    bad, good = (stage("refuse", seed, odd_only=True) for seed in (1, 2))
    after_bad = stage("add", 1, [good, bad])
    further = stage("add", 2, [after_bad])
    after_good = stage("add", 3, [good])
    outcomes, recorder = run([bad, good, after_bad, further, after_good], store)
    because = "needs refuse of seed 1, which failed: it would not"
    assert outcomes == {
        bad.key: Outcome("failed", "it would not"),
        good.key: Outcome("computed"),
        after_bad.key: Outcome("blocked", because),
        further.key: Outcome("blocked", because),
        after_good.key: Outcome("computed"),
    }
    assert recorder.ended == outcomes


def test_what_must_come_after_a_failed_stage_is_blocked(store: Store, log_file: Path) -> None:
    gates = [stage("refuse", seed, odd_only=True) for seed in (1, 2)]
    behind = [
        replace(stage("number", gate.seed, value=1, log_file=log_file), after=(gate.key,))
        for gate in gates
    ]
    outcomes, _ = run([*gates, *behind], store)
    assert [outcomes[s.key].state for s in behind] == ["blocked", "computed"]
    assert runs(log_file) == {behind[1].key: 1}


def test_a_failed_stage_is_tried_again_by_the_next_run(store: Store, log_file: Path) -> None:
    bad = stage("refuse", 1, log_file=log_file)
    run([bad], store)
    run([bad], store)
    assert runs(log_file)[bad.key] == 2


@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.mkdir"])
def test_a_full_disk_fails_the_stage_and_leaves_no_half_artifact(
    store: Store, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    made = [stage("number", seed, value=1) for seed in range(2)]
    with monkeypatch.context() as patch:
        patch.setattr(call, full)
        reports = run_here(store, *made)
    assert {report.state for report in reports.values()} == {"failed"}
    assert "No space left on device" in (reports[made[0].key].reason or "")
    assert os.listdir(store.root / "artifacts") == os.listdir(store.root / "tmp") == []
    assert {report.state for report in run_here(store, *made).values()} == {"computed"}


def test_a_disk_that_fills_for_one_stage_spares_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = [stage("number", seed, value=1) for seed in range(3)]
    whole_commit = Store.commit

    def commit(self: Store, made: Stage, *rest: object) -> None:
        if made.seed == 1:
            raise atomic.cannot_write(self.root, OSError(errno.ENOSPC, "No space left on device"))
        whole_commit(self, made, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "commit", commit)
    reports = run_here(store, *stages)
    assert [reports[s.key].state for s in stages] == ["computed", "failed", "computed"]


def test_progress_that_cannot_be_written_does_not_matter(tmp_path: Path) -> None:
    FileReporter(tmp_path / "no" / "folder", tmp_path / "stop")(1, 2)


def test_a_reporter_cancels_when_told_to_stop(tmp_path: Path) -> None:
    reporter = FileReporter(tmp_path / "progress", tmp_path / "stop")
    reporter(1, 2)
    assert (tmp_path / "progress").read_text() == "1 2"
    (tmp_path / "stop").touch()
    with pytest.raises(Cancelled):
        reporter(2, 2)


# A worker that dies is replaced.


def test_a_worker_that_dies_once_is_no_failure(store: Store, log_file: Path) -> None:
    mortal = stage("die", 1, seeds=[1], always=False, log_file=log_file)
    outcomes, _ = run([mortal], store)
    assert outcomes[mortal.key].state == "computed"
    assert runs(log_file)[mortal.key] == 2


def test_a_stage_that_kills_its_worker_fails_alone(store: Store, log_file: Path) -> None:
    """Not the others of its lot, nor what runs beside it in the other worker."""
    lot = [stage("die", seed, seeds=[2], always=True, log_file=log_file) for seed in range(4)]
    beside = stage("sleep", 0, seconds=1.5, log_file=log_file)
    after = stage("add", 0, [lot[2]])
    outcomes, _ = run([*lot, beside, after], store)
    states = [outcomes[s.key].state for s in (*lot, beside, after)]
    assert states == ["computed", "computed", "failed", "computed", "computed", "blocked"]
    assert "died twice" in (outcomes[lot[2].key].reason or "")
    assert runs(log_file)[beside.key] == 1


@pytest.mark.parametrize("pause", [0.0, 0.5])
def test_a_worker_that_dies_while_idle_is_replaced(store: Store, pause: float) -> None:
    """Whether or not its death is noticed before it gets the next lot."""

    class Killer(Recorder):
        def settled(self, stage: Stage, outcome: Outcome) -> None:
            super().settled(stage, outcome)
            for process in psutil.Process().children():
                if "LokyProcess" in " ".join(process.cmdline()):
                    process.kill()
            time.sleep(pause)

    first = stage("number", 0, value=1)
    second = stage("add", 0, [first])
    killer = Killer()
    LocalExecutor(KINDS, 1).run(by_key([first, second]), [second.key], store, killer)
    assert [outcome.state for outcome in killer.ended.values()] == ["computed", "computed"]


def test_a_kind_that_cannot_reach_a_worker_fails(store: Store) -> None:
    cannot_be_sent = (number for number in range(1))
    kind = StageKind("toy.number", 1, lambda tasks, report: (Done(str(n)) for n in cannot_be_sent))
    made = stage("number", 0, value=1)
    executor = LocalExecutor({"toy.number": kind}, 1)
    outcomes = executor.run({made.key: made}, [made.key], store, Recorder())
    assert outcomes[made.key].state == "failed"
    assert "could not run it" in (outcomes[made.key].reason or "")
