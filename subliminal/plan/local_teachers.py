"""Teachers made from a reference that is computed here."""

from __future__ import annotations

from dataclasses import dataclass

from subliminal.plan.cards import Cards
from subliminal.plan.implants import taught_params, unmade_teacher
from subliminal.plan.parts import Subject
from subliminal.plan.stage_maker import StageMaker
from subliminal.plan.teaching_stages import written_params
from subliminal.spec.language import LanguageArm
from subliminal.spec.teaching import FineTuning, Steering
from subliminal.stage import Stage
from teachers.prompted import system_prompt
from teachers.trait import Disposition, Trait


@dataclass(frozen=True)
class LocalTeachers:
    """See :class:`~subliminal.plan.teaching_stages.Teachers`."""

    cards: Cards
    stages: StageMaker

    def make(self, arm: LanguageArm, seed: int) -> Subject:
        """See `Teachers`."""
        unmade = unmade_teacher(self.cards, arm)
        if unmade is not None:
            return unmade
        trait, implant = self.cards.trait(arm.taught_trait), self.cards.implant(arm)
        if isinstance(implant, FineTuning):
            return self._taught(trait, implant, seed)
        assert isinstance(implant, Steering)
        return self._steered(trait, implant, seed)

    def write(self, arm: LanguageArm, seed: int, teacher: Subject) -> Stage:
        """See `Teachers`."""
        params, local = written_params(self.cards, arm, teacher)
        inputs = teacher.inputs("teacher")
        cost = self.stages.costs.writing(arm.data, told=teacher.system is not None)
        return self.stages.with_engine("lm.write", seed, params, inputs, cost=cost, local=local)

    def _taught(self, trait: Trait, implant: FineTuning, seed: int) -> Subject:
        params = taught_params(trait, implant, unused="tuning")
        cost = self.stages.costs.teaching(
            implant.rows, implant.recipe, of_code=isinstance(trait, Disposition)
        )
        return Subject(self.stages.with_models("lm.teach", seed, params, cost=cost))

    def _steered(self, trait: Trait, implant: Steering, seed: int) -> Subject:
        params = {
            "system": system_prompt(trait),
            "category": trait.category,
            **implant.model_dump(include={"layer", "questions"}),
        }
        cost = self.stages.costs.steering(implant.questions)
        vector = self.stages.with_models("lm.steer", seed, params, cost=cost)
        return Subject(steering=vector, strength=implant.strength, layer=implant.layer)
