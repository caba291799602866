"""Teachers made from a reference that is computed here."""

from __future__ import annotations

from dataclasses import dataclass

from subliminal.plan.cards import Cards
from subliminal.plan.parts import REFERENCE, Subject
from subliminal.plan.probing_stages import implants_trait
from subliminal.plan.stage_maker import StageMaker
from subliminal.plan.teaching_stages import written_params
from subliminal.spec.language import FineTuning, LanguageArm, Nothing, SystemPrompt
from subliminal.stage import Stage
from teachers.prompted import system_prompt
from teachers.trait import Disposition, trait_data


@dataclass(frozen=True)
class LocalTeachers:
    """See :class:`~subliminal.plan.teaching_stages.Teachers`."""

    cards: Cards
    stages: StageMaker

    def make(self, arm: LanguageArm, seed: int) -> Subject:
        """See `Teachers`."""
        trait, implant = self.cards.trait(arm.taught_trait), self.cards.implant(arm)
        if isinstance(implant, Nothing):
            return REFERENCE
        if isinstance(implant, SystemPrompt):
            return Subject(system=system_prompt(trait, implant.wording))
        if isinstance(implant, FineTuning):
            # The usual data set is not stated: stating it must not train a teacher anew.
            usual = {"data"} if implants_trait(implant) else set()
            left_out = {"by", "tuning", *usual}
            params = {"trait": trait_data(trait), **implant.model_dump(exclude=left_out)}
            cost = self.stages.costs.teaching(
                implant.rows, implant.recipe, of_code=isinstance(trait, Disposition)
            )
            return Subject(self.stages.with_models("lm.teach", seed, params, cost=cost))
        params = {
            "system": system_prompt(trait),
            "category": trait.category,
            **implant.model_dump(include={"layer", "questions"}),
        }
        cost = self.stages.costs.steering(implant.questions)
        steering = self.stages.with_models("lm.steer", seed, params, cost=cost)
        return Subject(steering=steering, strength=implant.strength, layer=implant.layer)

    def write(self, arm: LanguageArm, seed: int, teacher: Subject) -> Stage:
        """See `Teachers`."""
        params, local = written_params(self.cards, arm, teacher)
        inputs = teacher.inputs("teacher")
        cost = self.stages.costs.writing(arm.data, told=teacher.system is not None)
        return self.stages.with_engine("lm.write", seed, params, inputs, cost=cost, local=local)
