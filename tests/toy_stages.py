"""Stages that take no time, for tests of what runs stages; workers import this module."""

from __future__ import annotations

import atexit
import errno
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from subliminal import atomic
from subliminal.artifact_store import ArtifactStore
from subliminal.cost import Cost, Memory, Work
from subliminal.errors import StageError, UserError
from subliminal.executors import LocalExecutor, Outcome
from subliminal.executors.worker import FileReporter, LotCall, Report, run_lot
from subliminal.stage import Cancelled, Done, Failed, Reporter, Stage, StageKind, Task
from subliminal.store import Store

VALUE = "value.txt"


class Recorder:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.to_compute: list[str] = []
        self.shares: list[float] = []
        self.ended: dict[str, Outcome] = {}
        self.waited = self.stopped = False

    def planned(self, stages: list[Stage]) -> None:
        self.to_compute = [stage.key for stage in stages]

    def progressed(self, stages: tuple[Stage, ...], share: float) -> None:
        self.shares.append(share)

    def settled(self, stage: Stage, outcome: Outcome) -> None:
        assert stage.key not in self.ended, "a stage ends once"
        self.ended[stage.key] = outcome

    def waiting(self, count: int) -> None:
        self.waited = True

    def stopping(self) -> None:
        self.stopped = True


def number(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Write a number that depends on the parameters and the seed."""
    for task in tasks:
        log(task, "run")
        yield from _done(task, 1000 * task.stage.params["value"] + task.stage.seed)
    report(1, 1)


def add(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Add the numbers of the inputs."""
    for task in tasks:
        log(task, "run")
        yield from _done(task, sum(read_value(folder) for folder in task.inputs.values()))


def count_slowly(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Count from the saved progress on, saving each step."""
    for task in tasks:
        log(task, "run")
        progress, steps = task.partial / "step.txt", task.stage.params["steps"]
        first = int(progress.read_text()) if progress.exists() else 0
        for step in range(first, steps):
            report(step, steps)
            time.sleep(task.stage.params["seconds"])
            log(task, f"step-{step}")
            aside = task.partial / "aside"
            aside.write_text(str(step + 1))
            aside.replace(progress)
        yield from _done(task, steps)


def sleep(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Take time and say nothing."""
    for task in tasks:
        log(task, "run")
        time.sleep(task.stage.params["seconds"])
        log(task, "end")
        yield from _done(task, 0)


def refuse(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Fail in the way that stages fail; odd seeds only if asked to."""
    for task in tasks:
        log(task, "run")
        if task.stage.params.get("odd_only") and task.stage.seed % 2 == 0:
            yield from _done(task, task.stage.seed)
        else:
            yield Failed(task.stage.key, "it would not")


def throw(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Raise the error that the parameters name, after as many results as they say."""
    errors: Mapping[str, Exception] = {
        "bug": ValueError("a\nbug"),
        "user": UserError("data/x.csv: missing; download it"),
        "stage": StageError("the loss became NaN"),
        "full": OSError(errno.ENOSPC, "No space left on device", "/disk/file"),
        "missing": FileNotFoundError(errno.ENOENT, "No such file", "/nowhere"),
    }
    params = tasks[0].stage.params
    for task in tasks[: params.get("after", 0)]:
        yield from _done(task, task.stage.seed)
    raise errors[params["error"]]


def forget(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """End without a result."""
    yield from ()


def die(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Kill the worker at the seeds that the parameters name: always, or the first time."""
    for task in tasks:
        log(task, "run")
        if task.stage.seed in task.stage.params["seeds"]:
            mark = task.partial / "died"
            if task.stage.params["always"] or not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        yield from _done(task, task.stage.seed)


def lot_size(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Say how many stages came together."""
    for task in tasks:
        (task.folder / VALUE).write_text("0")
        yield Done(task.stage.key, {"lot": len(tasks)})


def threads(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Say how many threads PyTorch and OpenMP would use here."""
    import torch

    for task in tasks:
        figures = {
            "torch": torch.get_num_threads(),
            "omp": int(os.environ["OMP_NUM_THREADS"]),
            "process": os.getpid(),
        }
        (task.folder / VALUE).write_text("0")
        yield Done(task.stage.key, figures)


def model(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Write what looks like the weights of a model beside a number."""
    for task in tasks:
        log(task, "run")
        (task.folder / "model.safetensors").write_bytes(b"weights")
        yield from _done(task, task.stage.seed)


def place(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Say where it is and with how many threads and devices, and how many came together."""
    for task in tasks:
        devices = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        figures = {
            "threads": int(os.environ["OMP_NUM_THREADS"]),
            "devices": len([device for device in devices if device]),
            "lot": len(tasks),
            "process": os.getpid(),
        }
        (task.folder / VALUE).write_text("0")
        yield Done(task.stage.key, figures)


def spread(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Count, in several processes, what all of them add to a number; save each step.

    When it is stopped, the first process takes `saving` seconds to save. The second one comes to a
    bad end at the middle step, as often as the parameters list `ends`, each time to the next one;
    or behind the last step, while the first one saves, as often as they list `late_ends`.
    Python's clean-up would abort both processes when all is done.
    """
    import torch

    atexit.register(os.abort)
    for task in tasks:
        params, ranks = task.stage.params, task.ranks
        progress = task.partial / "step.txt"
        step, value = map(int, progress.read_text().split()) if progress.exists() else (0, 0)
        (task.folder / f"of-{ranks.number}").touch()
        log(task, f"process-{os.getpid()}")
        while step < params["steps"]:
            if ranks.number == 1 and step == params["steps"] // 2:
                _come_to_next(params.get("ends", ()), task.partial)
            stop = ranks.first and _stops(report, step, params["steps"])
            if ranks.from_first(stop):
                if ranks.first:
                    time.sleep(params.get("saving", 0.0))
                    (task.partial / "saved").touch()
                raise Cancelled
            value += int(ranks.add_up(torch.tensor(ranks.number + 1)))
            step += 1
            if ranks.first:
                atomic.write_text(progress, f"{step} {value}")
            time.sleep(params.get("seconds", 0.0))
        if ranks.number == 1:
            _come_to_next(params.get("late_ends", ()), task.partial)
        elif "late_ends" in params:
            time.sleep(params["saving"])
        (task.folder / VALUE).write_text(str(value))
        figures = {"ranks": ranks.count, "sharded": ranks.sharded, "threads": _threads()}
        yield Done(task.stage.key, figures)


def _come_to_next(ends: Sequence[str], folder: Path) -> None:
    gone = len(list(folder.glob("end-*")))
    if gone == len(ends):
        return
    (folder / f"end-{gone}").touch()
    end = ends[gone]
    if end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise {"stage": StageError("the loss became NaN"), "bug": ValueError("a\nbug")}[end]


def _stops(report: Reporter, done: float, total: float) -> bool:
    try:
        report(done, total)
    except Cancelled:
        return True
    return False


def _threads() -> int:
    import torch

    return torch.get_num_threads()


KINDS = {
    kind.name: kind
    for kind in (
        StageKind("toy.number", 1, number, most_alike=10),
        StageKind("toy.add", 1, add, most_alike=10),
        StageKind("toy.count", 1, count_slowly),
        StageKind("toy.sleep", 1, sleep),
        StageKind("toy.refuse", 1, refuse, most_alike=10),
        StageKind("toy.throw", 1, throw, most_alike=10),
        StageKind("toy.forget", 1, forget),
        StageKind("toy.die", 1, die, most_alike=10),
        StageKind("toy.lot", 1, lot_size, most_alike=10),
        StageKind("toy.threads", 1, threads),
        StageKind("toy.model", 1, model),
        StageKind("toy.place", 1, place, most_alike=10),
        StageKind("toy.spread", 1, spread, most_alike=10, spreads=True),
    )
}


def stage(
    kind: str,
    seed: int = 0,
    inputs: Iterable[Stage] = (),
    *,
    version: int = 1,
    log_file: Path | None = None,
    flops: float = 1.0,
    memory_bytes: int = 0,
    devices: int = 1,
    **params: Any,
) -> Stage:
    """A toy stage; `inputs` get the roles a, b, c, ..."""
    return Stage(
        kind=f"toy.{kind}",
        version=version,
        params=params,
        seed=seed,
        inputs={chr(ord("a") + place): other.key for place, other in enumerate(inputs)},
        label=f"{kind} of seed {seed}",
        cost=Cost((Work(flops),), Memory(memory_bytes), devices=devices),
        local={} if log_file is None else {"log": str(log_file)},
    )


def by_key(stages: Iterable[Stage]) -> dict[str, Stage]:
    return {stage.key: stage for stage in stages}


def run(
    stages: Sequence[Stage], store: ArtifactStore, *, jobs: int = 2
) -> tuple[dict[str, Outcome], Recorder]:
    """Run all the stages."""
    store.prepare()
    recorder, executor = Recorder(), LocalExecutor(KINDS, jobs)
    outcomes = executor.run(by_key(stages), [s.key for s in stages], store, recorder)
    return outcomes, recorder


def run_here(store: ArtifactStore, *stages: Stage) -> dict[str, Report]:
    """Run stages as one lot in this process, as a worker would."""
    return run_lot_here(store, FileReporter(store.root / "progress", store.root / "stop"), *stages)


def run_lot_here(store: ArtifactStore, reporter: Reporter, *stages: Stage) -> dict[str, Report]:
    """The same, with a way to speak to the run."""
    reports = run_lot(LotCall(store, KINDS[stages[0].kind], stages, 1, (), reporter))
    return {report.key: report for report in reports}


def log(task: Task, what: str) -> None:
    """Note an event in the file that all workers append to."""
    if "log" in task.stage.local:
        # One small write to a file opened for appending never mixes with another's.
        with open(task.stage.local["log"], "a") as file:
            file.write(f"{task.stage.key} {what}\n")


def events(log_file: Path) -> list[tuple[str, str]]:
    """Key and event of each line of the log."""
    if not log_file.exists():
        return []
    lines = (line.split() for line in log_file.read_text().splitlines())
    return [(key, what) for key, what in lines]


def read_value(folder: Path) -> int:
    return int((folder / VALUE).read_text())


def _done(task: Task, value: int) -> Iterator[Done]:
    (task.folder / VALUE).write_text(str(value))
    yield Done(task.stage.key)


# Plans that tests run in a process of their own, to be killed: python -c "... PLANS[name] ..."


def counting_plan(log_file: Path) -> list[Stage]:
    """Four counts of forty saved steps each, some numbers, and the sum of all."""
    counts = [stage("count", seed, log_file=log_file, steps=40, seconds=0.05) for seed in range(4)]
    numbers = [stage("number", seed, log_file=log_file, value=3) for seed in range(12)]
    total = stage("add", 0, [*counts, *numbers], log_file=log_file)
    return [*counts, *numbers, total]


def shared_plan(log_file: Path) -> list[Stage]:
    """Many short stages of several lots, for two runs to divide among them."""
    naps = [stage("sleep", seed, log_file=log_file, seconds=0.05) for seed in range(12)]
    numbers = [
        stage("number", seed, log_file=log_file, value=value)
        for value in range(3)
        for seed in range(10)
    ]
    sums = [stage("add", n, numbers[n : n + 3], log_file=log_file) for n in range(0, 27, 3)]
    return [*naps, *numbers, *sums]


def endless_plan(log_file: Path) -> list[Stage]:
    """Two counts that would take minutes."""
    return [
        stage("count", 0, log_file=log_file, steps=10_000, seconds=0.05),
        stage("count", 1, log_file=log_file, steps=10_000, seconds=0.05),
    ]


PLANS = {"counting": counting_plan, "shared": shared_plan, "endless": endless_plan}


def run_named_plan(name: str, root: str, log_file: str) -> None:
    """Run a plan to its end; the process exits with 1 if a stage failed."""
    outcomes, _ = run(PLANS[name](Path(log_file)), Store(Path(root)))
    bad = [outcome for outcome in outcomes.values() if outcome.state in ("failed", "blocked")]
    sys.exit(1 if bad else 0)
