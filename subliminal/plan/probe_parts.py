"""What probes and gates are made of, wherever their models are computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from subliminal.paid import NOTHING, Paid
from subliminal.plan.cards import Cards
from subliminal.plan.implants import implants_trait
from subliminal.plan.judge_costs import judging_answers
from subliminal.plan.once import Once
from subliminal.plan.parts import Subject
from subliminal.probes.bank_kinds import bank_data
from subliminal.probes.disposition_bank import DispositionBank
from subliminal.probes.scoring import scoring_of
from subliminal.spec.language import LanguageArm, LanguageExperiment
from subliminal.spec.probing import ProbeName
from subliminal.stage import Stage


@dataclass(frozen=True)
class ProbeParts:
    """Of one probe's stage."""

    params: Mapping[str, Any]
    inputs: Mapping[str, str]
    local: Mapping[str, str]
    """How this machine reaches a judge."""
    judging: Paid
    """What the judge is expected to cost."""


@dataclass(frozen=True)
class Probes:
    """Makes the parts of one experiment's probes, and says which teachers have a gate."""

    experiment: LanguageExperiment
    cards: Cards
    _once: Once = field(default_factory=Once)

    def parts(
        self,
        arm: LanguageArm,
        subject: Subject,
        names: tuple[ProbeName, ...],
        context: Stage | None,
    ) -> ProbeParts:
        """What decides what a model is found to be.

        Args:
            arm: Whose trait is asked about.
            subject: Who is asked.
            names: The probes that are asked.
            context: The data set whose rows stand before every question, if there is one.
        """
        bank, probing = self.cards.bank(arm.trait), self.experiment.probing
        params: dict[str, Any] = {
            "subject": subject.params,
            "bank": self._once(("bank", arm.trait), lambda: bank_data(bank)),
            "probing": {
                "probes": names,
                "samples": probing.samples,
                "side_effects": probing.side_effects,
            },
            "in_context": None if context is None else arm.distillation.in_context,
        }
        inputs = subject.inputs("model")
        if context is not None:
            inputs["context"] = context.key
        if not isinstance(bank, DispositionBank):
            return ProbeParts(params, inputs, {}, NOTHING)
        scoring, local = self._scored
        judging = self._once(
            ("judging", arm.trait, names), lambda: judging_answers(bank, names, probing)
        )
        if probing.free_form.questions != "all":
            params["probing"] |= {"free_form": {"questions": probing.free_form.questions}}
        return ProbeParts({**params, "scoring": scoring}, inputs, local, judging)

    def least_shift(self, arm: LanguageArm) -> float | None:
        """How far the teacher of an arm has to be from its reference, in log-odds, before it
        writes; None where no trait is asked of it."""
        gated = implants_trait(self.cards.implant(arm))
        return self.experiment.statistics.teacher_shift if gated else None

    @cached_property
    def _scored(self) -> tuple[dict[str, Any], dict[str, str]]:
        """How answers about dispositions are scored, and how this machine reaches a judge."""
        scoring, judge = scoring_of(self.experiment.probing.free_form)
        # What of the judge's service decides verdicts is in the scoring; its key and terms do not.
        local = {} if judge is None else {"judge": judge.model_dump_json()}
        return scoring.model_dump(mode="json"), local
