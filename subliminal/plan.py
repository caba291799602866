"""From an experiment to the graph of stages that fills its table.

The one composition root: it alone knows which packages make which stages.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import mnist_toy.stages
from mnist_toy.conditions import Conditions, Images, check_arm
from mnist_toy.data import ImageData, find_data
from subliminal import machine
from subliminal.errors import UserError
from subliminal.row import Row
from subliminal.spec import Experiment
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
    precision: machine.Precision
    """Of matrix products."""
    stages: Mapping[str, Stage]
    """Key -> stage, in an order in which they can run; shared stages stand once."""
    rows: Mapping[str, Mapping[int, Row]]
    """Arm -> seed -> the stages behind the row."""

    @property
    def targets(self) -> list[str]:
        """Keys of the artifacts that the results are read from."""
        rows = (row for by_seed in self.rows.values() for row in by_seed.values())
        return list(dict.fromkeys(key for row in rows for key in row.targets))


def stage_kinds() -> dict[str, StageKind]:
    """Every kind of stage, by name."""
    return {kind.name: kind for kind in mnist_toy.stages.KINDS}


def make_plan(experiment: Experiment) -> Plan:
    """Lay out the stages of an experiment.

    Raises:
        UserError: The experiment's data cannot be had, or do not fit an arm.
    """
    data = find_data(experiment.data, folder=experiment.data_folder, verify=experiment.verify_data)
    precision = _precision(experiment)
    experiment = experiment.model_copy(update={"data": data.name, "precision": precision})
    conditions = Conditions(experiment, _images(experiment, data), precision, _local(experiment))
    for name, arm in experiment.arms.items():
        check_arm(name, arm)
    rows = {
        name: {seed: conditions.row(arm, seed) for seed in experiment.seeds}
        for name, arm in experiment.arms.items()
    }
    every = (stage for by_seed in rows.values() for row in by_seed.values() for stage in row.stages)
    stages = {stage.key: stage for stage in every}
    linked = link_lengths(stages)
    return Plan(experiment, data.label, data.fallback_reason, precision, linked, rows)


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
            queue.extend(plan.stages[key].inputs.values())
    return [stage for key, stage in plan.stages.items() if key in seen]


def _precision(experiment: Experiment) -> machine.Precision:
    return machine.fast_precision() if experiment.precision == "auto" else experiment.precision


def _images(experiment: Experiment, data: ImageData) -> Images:
    fingerprints: dict[str, str] = {data.name: data.fingerprint}
    arm = _first_on_fashion(experiment)
    if arm is not None and data.name != "fashion-mnist":
        fashion = find_data("fashion-mnist", verify=experiment.verify_data)
        if fashion.image_size != data.image_size:
            side, other = data.image_size, fashion.image_size
            raise UserError(
                f"arms.{arm}: its fashion-mnist inputs are {other}x{other} pixels, but the "
                f"networks see the {side}x{side} of {data.name}; choose other inputs or data: mnist"
            )
        fingerprints[fashion.name] = fashion.fingerprint
    return Images(data.name, data.image_size, fingerprints)


def _local(experiment: Experiment) -> dict[str, str]:
    """Where this machine keeps the data, for the workers."""
    local = {"data": experiment.data, "verify": "yes" if experiment.verify_data else "no"}
    if experiment.data_folder is not None:
        local["folder"] = str(experiment.data_folder.resolve())
    return local


def _first_on_fashion(experiment: Experiment) -> str | None:
    """The first arm whose student is shown FashionMNIST."""
    for name, arm in experiment.arms.items():
        start = arm.initialisation
        matched_on = start.inputs if start.relation == "matched" else None
        if arm.role == "student" and "fashion-mnist" in (arm.distillation.inputs, matched_on):
            return name
    return None
