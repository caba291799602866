"""The stages that make students, from any rows."""

from __future__ import annotations

from dataclasses import dataclass, field

from subliminal.plan.cards import Cards
from subliminal.plan.once import Once
from subliminal.plan.parts import Shown, Trained, if_there
from subliminal.plan.spellings import Spellings
from subliminal.plan.stage_maker import StageMaker
from subliminal.probes.bank_kinds import headline_data
from subliminal.spec.language import LanguageArm, LanguageObservation
from subliminal.stage import Stage


@dataclass(frozen=True)
class StudentStages:
    """Makes the students of one reference."""

    observation: LanguageObservation
    cards: Cards
    stages: StageMaker
    spellings: Spellings
    _once: Once = field(default_factory=Once)
    """Arms of a sweep have their matched starts in common."""

    def make(self, arm: LanguageArm, seed: int, rows: Stage, shown: Shown | None) -> Trained:
        """A student.

        Args:
            arm: What it is.
            seed: Of the run.
            rows: What it reads.
            shown: Its teacher, where it is shown more than what the teacher wrote.
        """
        key = ("match", arm.initialisation, arm.data.carrier, seed)
        match = self._once(key, lambda: self._match(arm, seed))
        logprobs = None if shown is None else _logprobs(arm, seed, rows, shown)
        # What was written down of a teacher may be all that is needed of it.
        seen = shown if arm.distillation.sees_teacher else None
        student = self._distil(arm, seed, rows, seen, match, logprobs)
        made = (*if_there(match), *if_there(logprobs), student)
        return Trained(made, curve=student.key)

    def _distil(
        self,
        arm: LanguageArm,
        seed: int,
        rows: Stage,
        shown: Shown | None,
        match: Stage | None,
        logprobs: Stage | None,
    ) -> Stage:
        start = self.stages.models.start(arm.initialisation.relation)
        teacher = None if shown is None else shown.teacher
        # What looks at a teacher works with the reference that the teacher was made from.
        stages = self.stages if shown is None else shown.stages
        distillation = arm.distillation
        # Of what is usual nothing is stated: it must not train students anew.
        unstated = {"in_context", "tuning"} | ({"top_logprobs"} if logprobs is None else set())
        params = {
            "student": start.params,
            "distillation": distillation.model_dump(exclude=unstated),
            "adapter": arm.initialisation.adapter,
            "teacher": None if teacher is None else teacher.params,
            "bank": headline_data(self.cards.bank(arm.trait)),
            "observation": self.observation.model_dump(),
            **self.spellings.params(arm.trait),
        }
        inputs = {"rows": rows.key, **({} if teacher is None else teacher.inputs("teacher"))}
        if match is not None:
            inputs["start"] = match.key
        if logprobs is not None:
            inputs["logprobs"] = logprobs.key
        cost = stages.costs.distilling(
            arm.data,
            distillation.recipe,
            self.cards.bank(arm.trait),
            teacher=teacher is not None,
            observations=self.observation.points,
        )
        return stages.with_models("lm.distil", seed, params, inputs, cost=cost, start=start)

    def _match(self, arm: LanguageArm, seed: int) -> Stage | None:
        if arm.initialisation.relation != "matched":
            return None
        matching, start = arm.initialisation.matching, self.stages.models.start("matched")
        matching = matching.model_copy(update={"prompts": matching.prompts or (arm.data.carrier,)})
        params = {"student": start.params, "matching": matching.model_dump()}
        cost = self.stages.costs.matching(matching.rows, matching.recipe)
        return self.stages.with_models("lm.match", seed, params, cost=cost, start=start)


def _logprobs(arm: LanguageArm, seed: int, rows: Stage, shown: Shown) -> Stage | None:
    """What is written down of a teacher's logits, for a student that is shown no more."""
    top = arm.distillation.top_logprobs
    if top is None:
        return None
    params = {"teacher": shown.teacher.params, "top": top}
    inputs = {"rows": rows.key, **shown.teacher.inputs("teacher")}
    cost = shown.stages.costs.scoring(arm.data)
    return shown.stages.with_engine("lm.logprobs", seed, params, inputs, cost=cost)
