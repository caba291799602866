"""Makes the stages of language experiments: what all of them have alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import filters.detector_stages
import filters.stages
import students.stages
import subliminal.probes.stages
import teachers.stages
from subliminal.cost import Cost
from subliminal.machine import Precision
from subliminal.plan.costs import Costs
from subliminal.plan.models import Model, Models
from subliminal.stage import Stage, StageKind

LANGUAGE_KINDS: tuple[StageKind, ...] = (
    *teachers.stages.KINDS,
    *filters.stages.KINDS,
    *filters.detector_stages.KINDS,
    *students.stages.KINDS,
    *subliminal.probes.stages.KINDS,
)
_VERSIONS = {kind.name: kind.version for kind in LANGUAGE_KINDS}


@dataclass(frozen=True)
class StageMaker:
    """Makes stages of one experiment."""

    models: Models
    precision: Precision
    """Of matrix products."""

    @cached_property
    def costs(self) -> Costs:
        """Of stages that work with its models."""
        return Costs(self.models.reference.shape, self.precision)

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
        return self.make(kind, seed, params, inputs, cost=cost, local=local)

    def make(
        self,
        kind: str,
        seed: int,
        params: Mapping[str, Any],
        inputs: Mapping[str, str] | None = None,
        *,
        cost: Cost | None = None,
        local: Mapping[str, str] | None = None,
    ) -> Stage:
        """A stage; see :meth:`with_models`."""
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
