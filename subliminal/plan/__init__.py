"""From an experiment to the graph of stages that fills its table.

The one composition root: it alone knows which packages make which stages.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from subliminal import machine
from subliminal.plan import language, mnist
from subliminal.plan.models import FindModel, Model
from subliminal.row import Row
from subliminal.spec import Experiment, MnistExperiment
from subliminal.stage import Stage, StageKind


@dataclass(frozen=True)
class Plan:
    """What an experiment needs done."""

    experiment: Experiment
    """With what was chosen for `auto`, so that runs on different data are different runs."""
    data_label: str
    """The data, in words for people."""
    fallback_reason: str | None
    """Why these are not the data that were asked for; None where they are."""
    device: str
    """Where its models are computed: `cuda` or `cpu`."""
    stages: Mapping[str, Stage]
    """Key -> stage, in an order in which they can run; shared stages stand once."""
    rows: Mapping[str, Mapping[int, Row]]
    """Arm -> seed -> the stages behind the row."""

    @property
    def precision(self) -> machine.Precision:
        """Of matrix products."""
        return machine.precision_for(self.experiment.precision, self.device)

    @property
    def workers(self) -> int:
        """Worker processes that do it well on this machine: one for each GPU, or for each core."""
        return len(machine.cuda_devices()) if self.device == "cuda" else machine.cores()

    @property
    def targets(self) -> list[str]:
        """Keys of the artifacts that the results are read from."""
        rows = (row for by_seed in self.rows.values() for row in by_seed.values())
        return list(dict.fromkeys(key for row in rows for key in row.wanted))


def stage_kinds() -> dict[str, StageKind]:
    """Every kind of stage, by name."""
    return {kind.name: kind for kind in (*mnist.KINDS, *language.KINDS)}


def make_plan(experiment: Experiment, find: FindModel = Model.find) -> Plan:
    """Lay out the stages of an experiment.

    Args:
        experiment: What is asked.
        find: Looks language models up; a plan of models by their configuration alone tells what
            stages take, and cannot be run.

    Raises:
        UserError: The experiment's data, models or cards cannot be had, or do not fit an arm.
    """
    if isinstance(experiment, MnistExperiment):
        laid = mnist.lay_out(experiment)
    else:
        laid = language.lay_out(experiment, find)
    every = (
        stage for by_seed in laid.rows.values() for r in by_seed.values() for stage in r.stages
    )
    linked = link_lengths({stage.key: stage for stage in every})
    return Plan(
        laid.experiment, laid.data_label, laid.fallback_reason, laid.device, linked, laid.rows
    )


def link_lengths(stages: Mapping[str, Stage]) -> dict[str, Stage]:
    """Let each training continue the next shorter one of its process.

    Matching for 1, 3, 10, 30 and 100 epochs then costs 100 epochs, not 144. The link is not part
    of a key: the result is the same with and without it.
    """
    processes: defaultdict[str, list[Stage]] = defaultdict(list)
    for stage in stages.values():
        if stage.process is not None:
            processes[stage.process].append(stage)
    linked = dict(stages)
    for same in processes.values():
        ordered = sorted(same, key=lambda stage: stage.length)
        for shorter, longer in itertools.pairwise(ordered):
            linked[shorter.key] = replace(linked[shorter.key], keep_state=True)
            linked[longer.key] = replace(linked[longer.key], continues=shorter.key)
    return linked


def needed(plan: Plan, cached: Iterable[str]) -> list[Stage]:
    """The stages that a run has to compute when these keys are cached."""
    have, seen = set(cached), set()
    queue = list(plan.targets)
    while queue:
        key = queue.pop()
        if key not in seen and key not in have:
            seen.add(key)
            queue.extend(plan.stages[key].needs)
    return [stage for key, stage in plan.stages.items() if key in seen]
