"""The stages that ask models what shows their traits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from subliminal.cost import Cost
from subliminal.plan.cards import Cards
from subliminal.plan.once import Once
from subliminal.plan.parts import Subject
from subliminal.plan.probe_parts import Probes
from subliminal.plan.spellings import Spellings
from subliminal.plan.stage_maker import StageMaker
from subliminal.probes.bank_kinds import headline_data
from subliminal.probes.probe import probes_of
from subliminal.spec.language import LanguageArm
from subliminal.spec.probing import Probing
from subliminal.stage import Stage


@dataclass(frozen=True)
class ProbingStages:
    """Makes the probes and gates of one reference, and of what is made of it."""

    probing: Probing
    cards: Cards
    probes: Probes
    stages: StageMaker
    spellings: Spellings
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
        shift = self.probes.least_shift(arm)
        if shift is None:
            return ()
        key = ("gate", arm.taught_trait, arm.teacher, seed, teacher.identity)
        return (self._once(key, lambda: self._gate(arm, seed, teacher, shift)),)

    def _probe(self, arm: LanguageArm, seed: int, subject: Subject, context: Stage | None) -> Stage:
        names = probes_of(self.cards.bank(arm.trait), self.probing)
        parts = self.probes.parts(arm, subject, names, context)
        params = {**parts.params, **self.spellings.params(arm.trait)}
        cost = self._cost(arm, subject, context)
        made = self.stages.with_engine(
            "lm.probe", seed, params, parts.inputs, cost=cost, local=parts.local
        )
        return replace(made, paid=parts.judging)

    def _cost(self, arm: LanguageArm, subject: Subject, context: Stage | None) -> Cost:
        costs, told = self.stages.costs, subject.system is not None
        shown = 0 if context is None else arm.distillation.in_context or 0
        before = shown * costs.row(arm.data).all
        return self._once(
            ("cost", arm.trait, told, before),
            lambda: costs.probing(
                self.cards.bank(arm.trait), self.probing, told=told, context=before
            ),
        )

    def _gate(self, arm: LanguageArm, seed: int, teacher: Subject, shift: float) -> Stage:
        bank = self.cards.bank(arm.taught_trait)
        params = {
            "teacher": teacher.params,
            "bank": headline_data(bank),
            "target": self.cards.trait(arm.taught_trait).probe.target,
            "shift": shift,
            **self.spellings.params(arm.taught_trait),
        }
        inputs, cost = teacher.inputs("teacher"), self.stages.costs.gate(bank)
        return self.stages.with_models("lm.gate", seed, params, inputs, cost=cost)
