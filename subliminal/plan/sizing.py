"""What the stages of a plan take on a named device, by their kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from subliminal.cost import shared_seconds
from subliminal.devices import THIS_PROCESSOR, Device, find_device
from subliminal.errors import UserError
from subliminal.plan import Plan, make_plan
from subliminal.plan.models import Model
from subliminal.plan.references import References
from subliminal.spec import Experiment, LanguageExperiment
from subliminal.stage import Stage


@dataclass(frozen=True)
class KindSize:
    """What all stages of one kind take, side by side as far as the device has workers."""

    kind: str
    stages: int
    rows: int
    tokens: int
    flops: float
    seconds: float
    peak_bytes: int | None
    """Of the largest stage, its batches halved until it fits; None: it never does."""
    halvings: int
    """How often its batches are halved."""


def sizes(plan: Plan, device: Device) -> list[KindSize]:
    """What the kinds of stages of a plan take, in the order in which they first come."""
    kinds: dict[str, list[Stage]] = {}
    for stage in plan.stages.values():
        kinds.setdefault(stage.kind, []).append(stage)
    return [_size(kind, stages, device) for kind, stages in kinds.items()]


def plan_for(experiment: Experiment, device: str) -> Plan:
    """The plan of an experiment on a device, of models by their configuration alone.

    Raises:
        UserError: As :func:`subliminal.plan.make_plan`; or the device is not known, or its models
            are not run on it.
    """
    on_processor = device.upper() == THIS_PROCESSOR
    if not on_processor:
        find_device(device, "bfloat16")
        if experiment.precision == "auto":
            experiment = experiment.model_copy(update={"precision": "bfloat16"})
        if isinstance(experiment, LanguageExperiment):
            _check_is_large(experiment, device)
    if isinstance(experiment, LanguageExperiment):
        experiment = _without_tasks(experiment)
    return make_plan(experiment, Model.by_config)


def _without_tasks(experiment: LanguageExperiment) -> LanguageExperiment:
    """An experiment whose tasks need not be there: as many of the workbench's own are as long."""
    arms = {
        name: arm.model_copy(
            update={"data": arm.data.model_copy(update={"source": None, "duplicates": True})}
        )
        if arm.data.source is not None
        else arm
        for name, arm in experiment.arms.items()
    }
    return experiment.model_copy(update={"arms": arms})


def _check_is_large(experiment: LanguageExperiment, device: str) -> None:
    for model in References.read(experiment, Model.by_config).local:
        if Model.by_config(model).is_small:
            raise UserError(
                f"--device {device}: {model} is small and runs on the processor; take "
                f"--device {THIS_PROCESSOR}"
            )


def _size(kind: str, stages: Sequence[Stage], device: Device) -> KindSize:
    costs = [stage.cost for stage in stages]
    largest = max(costs, key=lambda cost: cost.memory_bytes)
    return KindSize(
        kind,
        len(stages),
        rows=sum(cost.rows for cost in costs),
        tokens=sum(cost.tokens for cost in costs),
        flops=sum(cost.flops for cost in costs),
        seconds=shared_seconds(costs, device.rates, device.workers),
        peak_bytes=device.peak(largest),
        halvings=device.halvings(largest.memory) or 0,
    )
