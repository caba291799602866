"""The stages that make teachers, and the rows that students of theirs read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from filters.filter import Filter
from subliminal.plan.cards import Cards
from subliminal.plan.once import Once
from subliminal.plan.parts import REFERENCE, DataStages, Subject
from subliminal.plan.probing_stages import ProbingStages, implants_trait
from subliminal.plan.stage_maker import StageMaker
from subliminal.spec.language import FineTuning, LanguageArm, Nothing, SystemPrompt
from subliminal.stage import Stage
from teachers.prompted import system_prompt
from teachers.trait import Disposition, trait_data


@dataclass(frozen=True)
class TeachingStages:
    """Makes the teachers of one reference, and what they write."""

    cards: Cards
    stages: StageMaker
    probing: ProbingStages
    filter: Filter
    """The one filter of the experiment, for every arm."""
    _once: Once = field(default_factory=Once)
    """Arms of a sweep have most of their stages in common."""

    def teacher(self, arm: LanguageArm, seed: int) -> Subject:
        """The teacher of an arm: the reference itself, where it is taught nothing."""
        key = ("teacher", arm.taught_trait, arm.teacher, seed)
        return self._once(key, lambda: self._teacher(arm, seed))

    def data(self, arm: LanguageArm, seed: int) -> DataStages:
        """How the rows that a student reads come about."""
        key = ("data", arm.data, arm.taught_trait, arm.teacher, seed)
        return self._once(key, lambda: self._data(arm, seed))

    def _teacher(self, arm: LanguageArm, seed: int) -> Subject:
        trait, implant = self.cards.trait(arm.taught_trait), self.cards.implant(arm)
        if isinstance(implant, Nothing):
            return REFERENCE
        if isinstance(implant, SystemPrompt):
            return Subject(system=system_prompt(trait, implant.wording))
        if isinstance(implant, FineTuning):
            # The usual data set is not stated: stating it must not train a teacher anew.
            usual = {"data"} if implants_trait(implant) else set()
            params = {"trait": trait_data(trait), **implant.model_dump(exclude={"by", *usual})}
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

    def _data(self, arm: LanguageArm, seed: int) -> DataStages:
        written = self._write(arm, seed)
        filtered = self._filter(arm, seed, written)
        return DataStages(written, filtered, self._transform(arm, seed, filtered))

    def _write(self, arm: LanguageArm, seed: int) -> Stage:
        teacher = self.teacher(arm, seed)
        params: dict[str, Any] = {
            "teacher": teacher.params,
            "data": arm.data.model_dump(exclude={"source", "keep", "transform"}),
        }
        local = {}
        tasks = self.cards.tasks(arm.data)
        if tasks is not None:
            # What they are counts, not where they lie.
            params["tasks"], local["tasks"] = tasks.fingerprint, str(arm.data.source)
        inputs = teacher.inputs("teacher")
        cost = self.stages.costs.writing(arm.data, told=teacher.system is not None)
        written = self.stages.with_engine("lm.write", seed, params, inputs, cost=cost, local=local)
        gate = self.probing.gate(arm, seed, teacher)
        return written if gate is None else replace(written, after=(gate.key,))

    def _filter(self, arm: LanguageArm, seed: int, written: Stage) -> Stage:
        params = {
            "rules": self.filter.described(),
            # The fingerprint tells versions of the rules' code apart too.
            "fingerprint": self.filter.fingerprint,
            "keep": arm.data.keep,
        }
        return self.stages.make("lm.filter", seed, params, {"rows": written.key})

    def _transform(self, arm: LanguageArm, seed: int, filtered: Stage) -> Stage | None:
        if arm.data.transform is None:
            return None
        params = {"transform": arm.data.transform}
        return self.stages.make("lm.transform", seed, params, {"rows": filtered.key})
