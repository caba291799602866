"""From an experiment to the graph of stages that fills its table.

The one composition root: it alone knows which packages make which stages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import mnist_toy.stages
from mnist_toy.conditions import Conditions, Images, Row
from mnist_toy.data import find_data
from subliminal import machine
from subliminal.spec import Experiment
from subliminal.stage import Stage, StageKind


@dataclass(frozen=True)
class Plan:
    """What an experiment needs done."""

    experiment: Experiment
    data_label: str
    """The data, in words for people."""
    precision: machine.Precision
    """Of matrix products."""
    stages: Mapping[str, Stage]
    """Key -> stage, in an order in which they can run; shared stages stand once."""
    rows: Mapping[str, Mapping[int, Row]]
    """Arm -> seed -> the stages behind the row."""

    @property
    def targets(self) -> list[str]:
        """Keys of the artifacts that the results are read from."""
        wanted: list[str] = []
        for rows in self.rows.values():
            for row in rows.values():
                keys = (row.probe, row.curve, row.teacher_probe, row.reference_probe)
                wanted.extend(key for key in keys if key is not None)
        return list(dict.fromkeys(wanted))


def stage_kinds() -> dict[str, StageKind]:
    """Every kind of stage, by name."""
    return {kind.name: kind for kind in mnist_toy.stages.KINDS}


def make_plan(experiment: Experiment) -> Plan:
    """Lay out the stages of an experiment.

    Raises:
        UserError: The experiment's data cannot be had.
    """
    conditions, data_label = _mnist_conditions(experiment)
    rows = {
        name: {seed: conditions.row(arm, seed) for seed in experiment.seeds}
        for name, arm in experiment.arms.items()
    }
    every = (stage for by_seed in rows.values() for row in by_seed.values() for stage in row.stages)
    stages = {stage.key: stage for stage in every}
    return Plan(experiment, data_label, conditions.precision, link_lengths(stages), rows)


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
        for shorter, longer in zip(ordered, ordered[1:], strict=False):
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
            queue.extend(plan.stages[key].inputs.values())
    return [stage for key, stage in plan.stages.items() if key in seen]


def _mnist_conditions(experiment: Experiment) -> tuple[Conditions, str]:
    verify = experiment.verify_data
    data = find_data(experiment.data, folder=experiment.data_folder, verify=verify)
    fingerprints: dict[str, str] = {data.name: data.fingerprint}
    if _distils_on_fashion(experiment) and data.name != "fashion-mnist":
        fashion = find_data("fashion-mnist")
        fingerprints[fashion.name] = fashion.fingerprint
    local = {"data": data.name, "verify": "yes" if verify else "no"}
    if experiment.data_folder is not None:
        local["folder"] = str(experiment.data_folder.resolve())
    images = Images(data.name, data.image_size, fingerprints)
    return Conditions(experiment, images, _precision(experiment), local), data.label


def _precision(experiment: Experiment) -> machine.Precision:
    return machine.fast_precision() if experiment.precision == "auto" else experiment.precision


def _distils_on_fashion(experiment: Experiment) -> bool:
    return any(
        "fashion-mnist" in (arm.distillation.inputs, arm.initialisation.inputs)
        for arm in experiment.arms.values()
        if arm.role == "student"
    )
