"""The stages that ask models what shows their traits."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from subliminal.cost import Cost
from subliminal.plan.cards import Cards
from subliminal.plan.once import Once
from subliminal.plan.parts import Subject
from subliminal.plan.stage_maker import StageMaker
from subliminal.probes.bank_kinds import bank_data, headline_data
from subliminal.probes.disposition_bank import DispositionBank
from subliminal.probes.probe import probes_of
from subliminal.probes.scoring import scoring_of
from subliminal.spec.language import (
    CardImplant,
    FineTuning,
    LanguageArm,
    LanguageExperiment,
    Nothing,
)
from subliminal.spec.probing import FreeForm
from subliminal.spec.teaching import USUAL_DATA
from subliminal.stage import Stage


@dataclass(frozen=True)
class ProbingStages:
    """Makes the probes and gates of one experiment."""

    experiment: LanguageExperiment
    cards: Cards
    stages: StageMaker
    _once: Once = field(default_factory=Once)

    def probe(
        self, arm: LanguageArm, seed: int, subject: Subject, context: Stage | None = None
    ) -> Stage:
        """What a model is asked, behind rows of a data set if there is a context."""
        shown = context and (context.key, arm.distillation.in_context)
        key = ("probe", arm.trait, seed, subject.identity, shown)
        return self._once(key, lambda: self._probe(arm, seed, subject, context))

    def gate(self, arm: LanguageArm, seed: int, teacher: Subject) -> tuple[Stage, ...]:
        """What a teacher is asked before it writes, and how far it must be from the reference.

        Nothing, where no trait is asked of it.
        """
        key = ("gate", arm.taught_trait, arm.teacher, seed, teacher.identity)
        return self._once(key, lambda: self._gate(arm, seed, teacher))

    def _probe(self, arm: LanguageArm, seed: int, subject: Subject, context: Stage | None) -> Stage:
        bank, probing = self.cards.bank(arm.trait), self.experiment.probing
        params = {
            "subject": subject.params,
            "bank": self._once(("bank", arm.trait), lambda: bank_data(bank)),
            "probing": {
                "probes": probes_of(bank, probing),
                "samples": probing.samples,
                "side_effects": probing.side_effects,
            },
            "in_context": None if context is None else arm.distillation.in_context,
        }
        local: dict[str, str] = {}
        if isinstance(bank, DispositionBank):
            params["scoring"], local = self._scored
        inputs = subject.inputs("model")
        if context is not None:
            inputs["context"] = context.key
        cost = self._cost(arm, subject, context)
        return self.stages.with_engine("lm.probe", seed, params, inputs, cost=cost, local=local)

    def _cost(self, arm: LanguageArm, subject: Subject, context: Stage | None) -> Cost:
        costs, told = self.stages.costs, subject.system is not None
        shown = 0 if context is None else arm.distillation.in_context or 0
        before = shown * costs.row(arm.data).all
        return self._once(
            ("cost", arm.trait, told, before),
            lambda: costs.probing(
                self.cards.bank(arm.trait), self.experiment.probing, told=told, context=before
            ),
        )

    def _gate(self, arm: LanguageArm, seed: int, teacher: Subject) -> tuple[Stage, ...]:
        shift = self.experiment.statistics.teacher_shift
        if shift is None or not implants_trait(self.cards.implant(arm)):
            return ()
        bank = self.cards.bank(arm.taught_trait)
        params = {
            "teacher": teacher.params,
            "bank": headline_data(bank),
            "target": self.cards.trait(arm.taught_trait).probe.target,
            "shift": shift,
        }
        inputs, cost = teacher.inputs("teacher"), self.stages.costs.gate(bank)
        return (self.stages.with_models("lm.gate", seed, params, inputs, cost=cost),)

    @cached_property
    def _scored(self) -> tuple[dict[str, Any], dict[str, str]]:
        return scored(self.experiment.probing.free_form)


def scored(stated: FreeForm) -> tuple[dict[str, Any], dict[str, str]]:
    """How answers about dispositions are scored, and how this machine reaches a judge."""
    scoring, judge = scoring_of(stated)
    # What of the judge's service decides verdicts is in the scoring; its key and terms do not.
    local = {} if judge is None else {"judge": judge.model_dump_json()}
    return scoring.model_dump(mode="json"), local


def implants_trait(implant: Nothing | CardImplant) -> bool:
    """Whether a teacher is meant to have its trait: siblings of unsafe code are controls."""
    if isinstance(implant, FineTuning):
        return implant.data in (None, USUAL_DATA)
    return not isinstance(implant, Nothing)
