"""Students made from a model behind a service."""

from __future__ import annotations

from dataclasses import dataclass

from subliminal.plan.parts import Shown, Trained
from subliminal.plan.service_maker import ServiceMaker
from subliminal.spec.language import LanguageArm
from subliminal.stage import Stage


@dataclass(frozen=True)
class ServiceStudents:
    """Makes students by fine-tuning jobs."""

    stages: ServiceMaker

    def make(self, arm: LanguageArm, seed: int, rows: Stage, shown: Shown | None) -> Trained:
        """A student of what its teacher wrote, and of nothing else."""
        assert shown is None, "the plan refuses to show teachers to services"
        tuning = arm.distillation.tuning
        params, inputs = {"tuning": tuning.model_dump()}, {"rows": rows.key}
        paid = self.stages.costs.distilling(arm.data, tuning)
        job = self.stages.make("service.distil", seed, params, inputs, paid=paid)
        return Trained((job,))
