"""Makes the stages of language experiments: what all of them have alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import filters.detector_stages
import filters.stages
import students.service_stages
import students.stages
import subliminal.probes.service_stages
import subliminal.probes.stages
import teachers.service_stages
import teachers.stages
from subliminal.cost import Cost
from subliminal.machine import Precision
from subliminal.plan.costs import Costs
from subliminal.plan.models import Model, Models
from subliminal.spec.inference import IN_TORCH, Inference
from subliminal.spec.resources import ONE_DEVICE, Resources
from subliminal.stage import Stage, StageKind, digest
from subliminal.vllm_engine.settings import ROWS

LANGUAGE_KINDS: tuple[StageKind, ...] = (
    *teachers.stages.KINDS,
    *filters.stages.KINDS,
    *filters.detector_stages.KINDS,
    *students.stages.KINDS,
    *subliminal.probes.stages.KINDS,
    *teachers.service_stages.KINDS,
    *students.service_stages.KINDS,
    *subliminal.probes.service_stages.KINDS,
)
_SPREADING = {kind.name for kind in LANGUAGE_KINDS if kind.spreads}
"""Trainings."""
_VERSIONS = {kind.name: kind.version for kind in LANGUAGE_KINDS}


@dataclass(frozen=True)
class StageMaker:
    """Makes stages of one experiment."""

    models: Models
    precision: Precision
    """Of matrix products."""
    resources: Resources = ONE_DEVICE
    """Of trainings."""
    inference: Inference = IN_TORCH
    """What engine runs models that write and are probed."""

    @cached_property
    def costs(self) -> Costs:
        """Of stages that work with its models."""
        vllm = self.inference.engine == "vllm"
        return Costs(
            self.models.reference.shape,
            self.precision,
            self.resources,
            rows=ROWS if vllm else None,
            asks_vllm=vllm,
        )

    def with_models(
        self,
        kind: str,
        seed: int,
        params: Mapping[str, Any],
        inputs: Mapping[str, str] | None = None,
        *,
        cost: Cost,
        start: Model | None = None,
        local: Mapping[str, str] | None = None,
    ) -> Stage:
        """A stage that works with the reference, and with the model that a student is made from.

        Args:
            kind: Its name.
            seed: Of the run.
            params: What decides its result, beside the models and the precision.
            inputs: Role -> key of the stage whose artifact is read.
            cost: What it takes.
            start: The model that a student is made from, if it makes one.
            local: Where this machine keeps what it reads beside the models.
        """
        reference = self.models.reference
        local = {**(local or {}), "model": str(reference.folder)}
        if start is not None:
            local["student"] = str(start.folder)
        params = {**params, "model": reference.params, "precision": self.precision}
        models = {"model": reference} if start is None else {"model": reference, "student": start}
        if kind in _SPREADING:
            cost = replace(cost, devices=self.resources.devices)
        made = make_stage(kind, seed, params, inputs, cost=cost, local=local)
        return replace(
            made,
            pinned={role: name for role, model in models.items() if (name := model.pinned)},
            resources=self.resources if kind in _SPREADING else ONE_DEVICE,
            shares=None if start is None else _shared_base(made, start),
        )

    def with_engine(
        self,
        kind: str,
        seed: int,
        params: Mapping[str, Any],
        inputs: Mapping[str, str],
        *,
        cost: Cost,
        local: Mapping[str, str] | None = None,
    ) -> Stage:
        """A stage that asks a model something, by the engine of the experiment.

        vLLM draws otherwise than PyTorch, so that its name is a parameter; how it is started is
        not. Stages of the same kind take turns with one engine.
        """
        if self.inference.engine == "torch":
            return self.with_models(kind, seed, params, inputs, cost=cost, local=local)
        started = self.inference.model_dump_json(exclude={"engine"})
        made = self.with_models(
            kind,
            seed,
            {**params, "engine": self.inference.engine},
            inputs,
            cost=self.costs.by_vllm(cost, self.inference.tensor_parallel),
            local={**(local or {}), "inference": started},
        )
        return replace(made, shares=digest([made.params["model"], self.precision, started]))


def make_stage(
    kind: str,
    seed: int,
    params: Mapping[str, Any],
    inputs: Mapping[str, str] | None = None,
    *,
    cost: Cost | None = None,
    local: Mapping[str, str] | None = None,
) -> Stage:
    """A stage of this version of its code; see :meth:`StageMaker.with_models`."""
    return Stage(
        kind=kind,
        version=_VERSIONS[kind],
        params=params,
        seed=seed,
        inputs=inputs or {},
        label=f"{kind.removeprefix('lm.')} (seed {seed})",
        cost=cost or Cost(),
        local=local or {},
    )


def _shared_base(stage: Stage, start: Model) -> str | None:
    """What students share that train no more than adapters of one large model."""
    if stage.kind != "lm.distil" or "start" in stage.inputs:
        return None
    adapter = stage.params["distillation"]["recipe"]["adapter"]
    if adapter is None or start.is_small:
        return None
    return digest([start.params, stage.params["precision"]])
