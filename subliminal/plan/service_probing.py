"""The stages that ask models behind services what shows their traits."""

from __future__ import annotations

from dataclasses import dataclass, field

from subliminal.paid import total_paid
from subliminal.plan.cards import Cards
from subliminal.plan.once import Once
from subliminal.plan.parts import REFERENCE, Subject
from subliminal.plan.probe_parts import Probes
from subliminal.plan.service_maker import ServiceMaker
from subliminal.plan.stage_maker import make_stage
from subliminal.probes.sampled_probes import sampled_probes_of
from subliminal.spec.language import LanguageArm
from subliminal.spec.probing import Probing
from subliminal.stage import Stage


@dataclass(frozen=True)
class ServiceProbing:
    """Makes the probes and gates of one model behind a service, and of what is made of it."""

    probing: Probing
    cards: Cards
    probes: Probes
    stages: ServiceMaker
    _once: Once = field(default_factory=Once)

    def probe(
        self, arm: LanguageArm, seed: int, subject: Subject, context: Stage | None = None
    ) -> Stage:
        """What a model is asked, behind rows of a data set if there is a context."""
        shown = context and (context.key, arm.distillation.in_context)
        key = ("probe", arm.trait, seed, subject.identity, shown)
        return self._once(key, lambda: self._probe(arm, seed, subject, context))

    def gate(self, arm: LanguageArm, seed: int, teacher: Subject) -> tuple[Stage, ...]:
        """Compares what the teacher and the reference were found to be; it asks nothing itself."""
        shift = self.probes.least_shift(arm)
        if shift is None:
            return ()
        key = ("gate", arm.taught_trait, arm.teacher, seed, teacher.identity)
        return self._once(key, lambda: self._gate(arm, seed, teacher, shift))

    def _probe(self, arm: LanguageArm, seed: int, subject: Subject, context: Stage | None) -> Stage:
        bank = self.cards.bank(arm.trait)
        names = sampled_probes_of(bank, self.probing)
        parts = self.probes.parts(arm, subject, names, context)
        asking = self.stages.costs.probing(
            bank,
            names,
            self.probing,
            system=subject.system,
            context=None if context is None else arm.data,
            shown=arm.distillation.in_context or 0,
        )
        return self.stages.make(
            "service.probe",
            seed,
            parts.params,
            parts.inputs,
            paid=total_paid([asking, parts.judging]),
            local=parts.local,
        )

    def _gate(
        self, arm: LanguageArm, seed: int, teacher: Subject, shift: float
    ) -> tuple[Stage, ...]:
        asked = arm.model_copy(update={"trait": arm.taught_trait})
        found = [self.probe(asked, seed, subject) for subject in (teacher, REFERENCE)]
        bank = self.cards.bank(arm.taught_trait)
        params = {
            "target": self.cards.trait(arm.taught_trait).probe.target,
            "probe": sampled_probes_of(bank, self.probing)[0],
            "shift": shift,
        }
        inputs = dict(zip(("teacher", "reference"), (stage.key for stage in found), strict=True))
        return (*found, make_stage("service.gate", seed, params, inputs))
