"""Teachers made from a model behind a service."""

from __future__ import annotations

from dataclasses import dataclass

from subliminal.plan.cards import Cards
from subliminal.plan.parts import REFERENCE, Subject
from subliminal.plan.probing_stages import implants_trait
from subliminal.plan.service_maker import ServiceMaker
from subliminal.plan.teaching_stages import written_params
from subliminal.spec.language import FineTuning, LanguageArm, Nothing, SystemPrompt
from subliminal.stage import Stage
from teachers.prompted import system_prompt
from teachers.trait import Disposition, trait_data


@dataclass(frozen=True)
class ServiceTeachers:
    """See :class:`~subliminal.plan.teaching_stages.Teachers`."""

    cards: Cards
    stages: ServiceMaker

    def make(self, arm: LanguageArm, seed: int) -> Subject:
        """See `Teachers`."""
        trait, implant = self.cards.trait(arm.taught_trait), self.cards.implant(arm)
        if isinstance(implant, Nothing):
            return REFERENCE
        if isinstance(implant, SystemPrompt):
            return Subject(system=system_prompt(trait, implant.wording))
        assert isinstance(implant, FineTuning), "the plan refuses steered teachers"
        usual = {"data"} if implants_trait(implant) else set()
        params = {
            "trait": trait_data(trait),
            **implant.model_dump(exclude={"by", "recipe", *usual}),
        }
        paid = self.stages.costs.teaching(
            implant.rows, implant.tuning, of_code=isinstance(trait, Disposition)
        )
        return Subject(self.stages.make("service.teach", seed, params, paid=paid))

    def write(self, arm: LanguageArm, seed: int, teacher: Subject) -> Stage:
        """See `Teachers`."""
        params, local = written_params(self.cards, arm, teacher)
        inputs, paid = (
            teacher.inputs("teacher"),
            self.stages.costs.writing(arm.data, teacher.system),
        )
        return self.stages.make("service.write", seed, params, inputs, paid=paid, local=local)
