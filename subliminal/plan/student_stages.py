"""The stages that make students, from any rows."""

from __future__ import annotations

from dataclasses import dataclass, field

from subliminal.plan.cards import Cards
from subliminal.plan.models import Model
from subliminal.plan.once import Once
from subliminal.plan.parts import Subject
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
    _once: Once = field(default_factory=Once)
    """Arms of a sweep have their matched starts in common."""

    def match(self, arm: LanguageArm, seed: int) -> Stage | None:
        """What clones another initialisation onto the reference, if the arm asks for it."""
        key = ("match", arm.initialisation, arm.data.carrier, seed)
        return self._once(key, lambda: self._match(arm, seed))

    def logprobs(self, arm: LanguageArm, seed: int, rows: Stage, teacher: Subject) -> Stage | None:
        """What is written down of a teacher's logits, for a student that is shown no more."""
        top = arm.distillation.top_logprobs
        if top is None:
            return None
        params = {"teacher": teacher.params, "top": top}
        inputs = {"rows": rows.key, **teacher.inputs("teacher")}
        cost = self.stages.costs.scoring(arm.data)
        return self.stages.with_engine("lm.logprobs", seed, params, inputs, cost=cost)

    def distil(
        self,
        arm: LanguageArm,
        seed: int,
        rows: Stage,
        *,
        start: Model,
        teacher: Subject | None,
        match: Stage | None,
        logprobs: Stage | None,
    ) -> Stage:
        """A student.

        Args:
            arm: What it is.
            seed: Of the run.
            rows: What it reads.
            start: The model that it is made from.
            teacher: Made from the reference, where the student is shown more than what it wrote.
            match: What cloned its start onto the reference, if something did.
            logprobs: What was written down of the teacher's logits, if it learns from that.
        """
        distillation = arm.distillation
        # Of what is usual nothing is stated: it must not train students anew.
        unstated = {"in_context"} | ({"top_logprobs"} if logprobs is None else set())
        params = {
            "student": start.params,
            "distillation": distillation.model_dump(exclude=unstated),
            "adapter": arm.initialisation.adapter,
            "teacher": None if teacher is None else teacher.params,
            "bank": headline_data(self.cards.bank(arm.trait)),
            "observation": self.observation.model_dump(),
        }
        inputs = {"rows": rows.key, **({} if teacher is None else teacher.inputs("teacher"))}
        if match is not None:
            inputs["start"] = match.key
        if logprobs is not None:
            inputs["logprobs"] = logprobs.key
        cost = self.stages.costs.distilling(
            arm.data,
            distillation.recipe,
            self.cards.bank(arm.trait),
            teacher=teacher is not None,
            observations=self.observation.points,
        )
        return self.stages.with_models("lm.distil", seed, params, inputs, cost=cost, start=start)

    def _match(self, arm: LanguageArm, seed: int) -> Stage | None:
        if arm.initialisation.relation != "matched":
            return None
        matching, start = arm.initialisation.matching, self.stages.models.start("matched")
        matching = matching.model_copy(update={"prompts": matching.prompts or (arm.data.carrier,)})
        params = {"student": start.params, "matching": matching.model_dump()}
        cost = self.stages.costs.matching(matching.rows, matching.recipe)
        return self.stages.with_models("lm.match", seed, params, cost=cost, start=start)
