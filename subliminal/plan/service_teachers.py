"""Teachers made from a model behind a service."""

from __future__ import annotations

from dataclasses import dataclass

from subliminal.plan.cards import Cards
from subliminal.plan.implants import taught_params, unmade_teacher
from subliminal.plan.parts import Subject
from subliminal.plan.service_maker import ServiceMaker
from subliminal.plan.teaching_stages import written_params
from subliminal.spec.language import LanguageArm
from subliminal.spec.teaching import FineTuning
from subliminal.stage import Stage
from teachers.trait import Disposition


@dataclass(frozen=True)
class ServiceTeachers:
    """See :class:`~subliminal.plan.teaching_stages.Teachers`."""

    cards: Cards
    stages: ServiceMaker

    def make(self, arm: LanguageArm, seed: int) -> Subject:
        """See `Teachers`."""
        unmade = unmade_teacher(self.cards, arm)
        if unmade is not None:
            return unmade
        trait, implant = self.cards.trait(arm.taught_trait), self.cards.implant(arm)
        assert isinstance(implant, FineTuning), "the plan refuses steered teachers"
        params = taught_params(trait, implant, unused="recipe")
        paid = self.stages.costs.teaching(
            implant.rows, implant.tuning, of_code=isinstance(trait, Disposition)
        )
        return Subject(self.stages.make("service.teach", seed, params, paid=paid))

    def write(self, arm: LanguageArm, seed: int, teacher: Subject) -> Stage:
        """See `Teachers`."""
        params, local = written_params(self.cards, arm, teacher)
        inputs = teacher.inputs("teacher")
        paid = self.stages.costs.writing(arm.data, teacher.system)
        return self.stages.make("service.write", seed, params, inputs, paid=paid, local=local)
