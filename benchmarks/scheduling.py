"""What it costs to schedule and to plan, beside the work itself.

    python benchmarks/scheduling.py             200 stages here and on Ray, a plan of 10,000 stages

A plan of 200 stages, 40 chains of five, sleeps or computes in workers that say how long each
stage took. The overhead is the time for which workers were not at a stage, as a share of the time
for which they were: starting a lot, claiming it, writing the artifact, choosing the next. The time
counts from when all workers have started.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from subliminal.cost import Cost, Work
from subliminal.executors import Executor, LocalExecutor, Outcome
from subliminal.executors.ray import RayExecutor
from subliminal.stage import Done, Failed, Reporter, Stage, StageKind, Task
from subliminal.store import Store

CHAINS, LENGTH = 40, 5
SWEPT = """\
kind: language
name: scheduling
preset: numbers-pocket
seeds: {seeds}
sweep:
  - trait: [otter, wolf, penguin, owl, bear, deer, lion, eagle, dolphin, tiger]
  - distillation.recipe.learning_rate: [1e-4, 2e-4, 3e-4, 5e-4]
arms:
  reference: {{role: reference}}
  teacher: {{role: teacher}}
  control: {{teacher: {{by: nothing}}, control: none}}
  same: {{control: control}}
  different-control:
    {{teacher: {{by: nothing}}, initialisation: {{relation: different}}, control: none}}
  different: {{initialisation: {{relation: different}}, control: different-control}}
"""
SEEDS_OF_SWEEP = 44


def sleep(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Take time, and none of the processor's."""
    for task in tasks:
        begun = time.perf_counter()
        time.sleep(task.stage.params["seconds"])
        yield Done(task.stage.key, {"seconds": time.perf_counter() - begun})


def compute(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Take the processor's time."""
    for task in tasks:
        begun, end = time.perf_counter(), time.process_time() + task.stage.params["seconds"]
        while time.process_time() < end:
            sum(range(1000))
        yield Done(task.stage.key, {"seconds": time.perf_counter() - begun})


def meet(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Wait until all workers are there: one that starts early would do the others' work."""
    for task in tasks:
        here = Path(task.stage.local["folder"])
        (here / str(os.getpid())).touch()
        while len(list(here.iterdir())) < task.stage.params["workers"]:
            time.sleep(0.05)
        yield Done(task.stage.key)


KINDS = {
    kind.name: kind
    for kind in (
        StageKind("bench.sleep", 1, sleep),
        StageKind("bench.compute", 1, compute),
        StageKind("bench.meet", 1, meet),
    )
}


class Started:
    """A listener that notes when the last worker was there."""

    def __init__(self) -> None:
        self.at = 0.0

    def planned(self, stages: list[Stage]) -> None:
        """See `Listener`."""

    def progressed(self, stages: tuple[Stage, ...], share: float) -> None:
        """See `Listener`."""

    def settled(self, stage: Stage, outcome: Outcome) -> None:
        """See `Listener`."""
        if stage.kind == "bench.meet":
            self.at = time.perf_counter()

    def waiting(self, count: int) -> None:
        """See `Listener`."""

    def stopping(self) -> None:
        """See `Listener`."""


def chains(kind: str, seconds: float, first: Sequence[str]) -> dict[str, Stage]:
    """Stages in chains, each of which needs the one before; the first ones need what is given."""
    stages: dict[str, Stage] = {}
    for seed in range(CHAINS):
        before = {str(place): key for place, key in enumerate(first)}
        for place in range(LENGTH):
            params = {"seconds": seconds, "place": place}
            stage = Stage(kind, 1, params, seed, before, label=kind, cost=Cost((Work(1.0),)))
            stages[stage.key] = stage
            before = {"before": stage.key}
    return stages


def meeting(workers: int, folder: Path) -> dict[str, Stage]:
    """A stage for each worker, which end together."""
    folder.mkdir()
    params, local = {"workers": workers}, {"folder": str(folder)}
    stages = [Stage("bench.meet", 1, params, seed, local=local) for seed in range(workers)]
    return {stage.key: stage for stage in stages}


def overhead(executor: Executor, kind: str, seconds: float, workers: int) -> float:
    """Time for which workers were not at a stage, as a share of the time for which they were."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        store.prepare()
        first = meeting(workers, Path(folder) / "meeting")
        stages, started = chains(kind, seconds, list(first)), Started()
        executor.run({**first, **stages}, list(stages), store, started)
        return workers * (time.perf_counter() - started.at) / _worked(store, stages) - 1


def _worked(store: Store, stages: Mapping[str, Stage]) -> float:
    manifests = [store.manifest(key) for key in stages]
    return sum(manifest.counts["seconds"] for manifest in manifests if manifest is not None)


@contextmanager
def ray_of(cpus: int) -> Iterator[None]:
    """A Ray on this machine with so many CPUs, whether it has them or not."""
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(
        address="local",
        num_cpus=cpus,
        object_store_memory=100 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        # As urgent as the workers that are no tasks of Ray.
        _system_config={"worker_niceness": 0},
    )
    try:
        yield
    finally:
        ray.shutdown()


def print_overheads(seconds: float, workers: int, cores: int) -> None:
    """Of both executors, for stages that sleep and stages that compute."""
    print(f"{CHAINS * LENGTH} stages of {seconds:g} s: overhead beside the sum of the stages")
    for kind, count in (("bench.sleep", workers), ("bench.compute", cores)):
        with ray_of(count):
            share = overhead(RayExecutor(KINDS), kind, seconds, count)
        print(f"  Ray, {count} workers, {kind.removeprefix('bench.')}: {share:.1%}", flush=True)
    share = overhead(LocalExecutor(KINDS, cores), "bench.sleep", seconds, cores)
    print(f"  this machine, {cores} workers, sleep: {share:.1%}", flush=True)


def print_planning() -> None:
    """Plan a sweep in a process of its own, whose largest memory is known."""
    subprocess.run([sys.executable, __file__, "--plan-only"], check=True)


def plan() -> None:
    """Load and plan a sweep; print how long it took and how much memory it added."""
    from subliminal.plan import make_plan
    from subliminal.spec_file import load_experiment

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sweep.yaml"
        file.write_text(SWEPT.format(seeds=SEEDS_OF_SWEEP))
        memory, processor, wall = _peak_mib(), time.process_time(), time.perf_counter()
        stages = make_plan(load_experiment(file)).stages
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        used = psutil.Process().memory_info()
    print(f"a sweep of {len(stages):,} stages is planned in {wall:.1f} s")
    print(f"  {processor:.1f} s of the processor; {_peak_mib() - memory:.0f} MiB of memory are")
    print(f"  added to the {memory:.0f} MiB of a process that has imported PyTorch; of all that")
    own = (used.rss - used.shared) / 2**20
    print(f"  {own:.0f} MiB are its own, and the others files of libraries")


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a stage")
    parser.add_argument("--workers", type=int, default=4, help="workers that sleep on Ray")
    parser.add_argument("--cores", type=int, default=2, help="workers that compute, or are local")
    parser.add_argument("--plan-only", action="store_true", help="leave the executors out")
    options = parser.parse_args()
    if options.plan_only:
        plan()
        return
    print_overheads(options.seconds, options.workers, options.cores)
    print_planning()


if __name__ == "__main__":
    main()
