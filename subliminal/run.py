"""Run an experiment: plan it, compute what is missing, write the run folder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from subliminal import atomic, machine, results
from subliminal.artifact_store import ArtifactStore
from subliminal.collect import (
    DONE,
    arm_state,
    curve_rows,
    measured_table,
    memory_shortages,
    result_rows,
)
from subliminal.collect_examples import examples, filter_counts
from subliminal.errors import UserError
from subliminal.examples import EXAMPLES, FILTER, write_examples, write_filter_counts
from subliminal.executors import Executor, Listener, LocalExecutor, Outcome
from subliminal.plan import Plan, stage_kinds
from subliminal.results import Manifest, Summary
from subliminal.services.stage_models import job_of
from subliminal.spec import Experiment, LanguageExperiment
from subliminal.spec_file import dump_experiment
from subliminal.stage import digest
from subliminal.store import Store
from subliminal.stores import open_store
from subliminal.summary import summarise


@dataclass(frozen=True)
class Run:
    """A finished run: where it is and what it found."""

    folder: Path
    manifest: Manifest
    summary: list[Summary]

    @property
    def failed(self) -> bool:
        """Whether any stage failed, or could not run because of one that did."""
        return any(state in ("failed", "blocked") for state in self.manifest.stages.values())


def run_plan(
    plan: Plan,
    out: Path,
    listener: Listener,
    *,
    jobs: int | None = None,
    command: str = "",
    executor: Executor | None = None,
    store: ArtifactStore | None = None,
) -> Run:
    """Fill the experiment's table and write its run folder, all but the figures and the report.

    Args:
        plan: What to run.
        out: Folder of runs; the run gets a folder of its own in it.
        listener: Told of progress.
        jobs: Worker processes; default: one for each GPU, or for each core where none is used.
        command: How it was started, for the manifest.
        executor: What gets the stages done; default: `jobs` worker processes on this machine.
        store: Where artifacts are kept; default: what `SUBLIMINAL_STORE` names, else in `out`.

    Raises:
        UserError: `out` or the store cannot be written, or there is no such cluster.
        KeyboardInterrupt: Stopped; running again goes on from here.
    """
    store = store or open_store(out)
    executor = executor or LocalExecutor(stage_kinds(), jobs or plan.workers)
    store.prepare()
    folder = run_folder(out, plan.experiment)
    clock = _Clock(command)
    atomic.write_text(folder / results.EXPERIMENT, dump_experiment(plan.experiment))
    begun = _manifest(plan, store, {}, clock, finished=False)
    results.write_manifest(folder / results.MANIFEST, begun)
    outcomes = executor.run(plan.stages, plan.targets, store, listener)
    made = {key for key, outcome in outcomes.items() if outcome.state in DONE}
    paid = _paid_now(plan, outcomes)
    here = store.readable(made.intersection([*plan.targets, *paid]))
    table = measured_table(plan, here, outcomes)
    experiment = plan.experiment
    summary = summarise(experiment.arms, experiment.seeds, table, experiment.statistics)
    manifest = _manifest(plan, store, outcomes, clock, finished=True)
    shortages = list(memory_shortages(plan, here, outcomes))
    told = {"spent": _spent(plan, here, paid), "short_of_memory": shortages}
    manifest = manifest.model_copy(update=told)
    results.write_rows(folder / results.RESULTS, result_rows(table))
    results.write_rows(folder / results.CURVES, curve_rows(plan, here, outcomes))
    results.write_summary(folder / results.SUMMARY, summary)
    results.write_manifest(folder / results.MANIFEST, manifest)
    if counts := list(filter_counts(plan, here, outcomes)):
        write_filter_counts(folder / FILTER, counts)
        write_examples(folder / EXAMPLES, list(examples(plan, here, outcomes)))
    return Run(folder, manifest, summary)


def run_folder(out: Path, experiment: Experiment) -> Path:
    """Where the run of an experiment is kept: another experiment never overwrites it."""
    return out / f"{experiment.name}-{spec_hash(experiment)[:8]}"


_TERMS = ("data_folder", "resources", "inference", "spending_cap")
"""Fields of an experiment that say on which terms it is run, and not what it is."""


def spec_hash(experiment: Experiment) -> str:
    """Digest of the resolved experiment, wherever the data are and whatever computes it.

    Of its inference counts that it is vLLM's: what models answer in PyTorch has always been the
    same, and with which devices either of them runs changes nothing.
    """
    said = experiment.model_dump(mode="json", exclude=set(_TERMS))
    by_vllm = isinstance(experiment, LanguageExperiment) and experiment.inference.engine == "vllm"
    return digest({**said, "inference": "vllm"} if by_vllm else said)


def runs_in(out: Path) -> Iterator[tuple[Path, Manifest]]:
    """The runs under a folder, the oldest first.

    Raises:
        UserError: There is no such folder, or the manifest of a run cannot be read.
    """
    if not out.is_dir():
        raise UserError(f"{out}: no such folder; name the folder of the runs with --out")
    paths = out.glob(f"*/{results.MANIFEST}")
    found = [(path.parent, results.read_manifest(path)) for path in paths]
    yield from sorted(found, key=lambda run: run[1].started)


class _Clock:
    """When the run began, and how."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.started = _now()
        self._start = time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self._start


def _manifest(
    plan: Plan,
    store: ArtifactStore,
    outcomes: Mapping[str, Outcome],
    clock: _Clock,
    *,
    finished: bool,
) -> Manifest:
    experiment = plan.experiment
    # A run that finds what depends on a stage does not look at the stage.
    there = store.present(plan.stages.keys() - outcomes.keys())
    return Manifest(
        name=experiment.name,
        description=experiment.description,
        spec_hash=spec_hash(experiment),
        command=clock.command,
        data=plan.data_label,
        seeds=list(experiment.seeds),
        scale=experiment.scale,
        arms={name: arm_state(plan, name, outcomes) for name in experiment.arms},
        stages={
            key: outcomes[key].state if key in outcomes else "cached" if key in there else "pending"
            for key in plan.stages
        },
        statistics=experiment.statistics.model_dump(),
        pinned=sorted({name for s in plan.stages.values() for name in s.pinned.values()}),
        started=clock.started,
        finished=_now() if finished else None,
        wall_seconds=clock.seconds(),
        versions=machine.versions(),
        machine=machine.description(),
    )


def _paid_now(plan: Plan, outcomes: Mapping[str, Outcome]) -> list[str]:
    """Keys of the stages that this run asked services for."""
    computed = (key for key, outcome in outcomes.items() if outcome.state == "computed")
    return [key for key in computed if plan.stages[key].paid.anything]


def _spent(plan: Plan, store: Store, keys: Sequence[str]) -> float | None:
    """What stages cost at services; None where there are none, or one of them does not tell."""
    costs: dict[object, float | None] = {}
    for key in keys:
        found = store.manifest(key)
        # Stages that would make equal jobs may have come to share one.
        paid_for = job_of(plan.stages[key], store.folder(key)) or key
        costs[paid_for] = None if found is None else found.counts.get("cost")
    known = [cost for cost in costs.values() if cost is not None]
    return sum(known) if costs and len(known) == len(costs) else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
