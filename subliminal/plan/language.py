"""Arms of language experiments as stages.

    teach | steer -> (gate) -> write -> filter -> (transform) -> distil -> probe
                                                      (detect) match ->/

Up to the rows, all is of the reference that the teacher is made from; from there on, of the
student's own, which an arm may state. A stage's code stands beside what it does:
:mod:`teachers.stages`, :mod:`filters.stages`, :mod:`students.stages`,
:mod:`subliminal.probes.stages`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from filters.filter import compile_filter
from subliminal import machine
from subliminal.paid import Paid, total_paid
from subliminal.plan.cards import Cards
from subliminal.plan.context_checks import check_contexts
from subliminal.plan.inference import chosen_inference
from subliminal.plan.laid_out import LaidOut
from subliminal.plan.language_checks import ArmChecks, check_probing
from subliminal.plan.lineage import Lineages
from subliminal.plan.models import FindModel
from subliminal.plan.parts import REFERENCE, DataStages, Subject, if_there
from subliminal.plan.references import References
from subliminal.plan.service_checks import check_cap
from subliminal.plan.stage_maker import LANGUAGE_KINDS, make_stage
from subliminal.results import TraitName
from subliminal.row import Row
from subliminal.spec.language import LanguageArm, LanguageExperiment
from subliminal.stage import Stage
from teachers.trait import Trait

KINDS = LANGUAGE_KINDS


def lay_out(experiment: LanguageExperiment, find: FindModel) -> LaidOut:
    """The stages behind every arm and seed.

    Raises:
        UserError: A model, card, bank or rule is missing or at fault, or does not fit an arm.
    """
    references, cards = References.read(experiment, find), Cards()
    check_probing(experiment.probing)
    checks = ArmChecks(experiment, references, cards)
    for name, arm in experiment.arms.items():
        checks.check(name, arm)
    inference = chosen_inference(experiment, references, cards)
    check_contexts(experiment, inference, references)
    precision = machine.precision_for(experiment.precision, references.device)
    experiment = experiment.model_copy(update={"inference": inference, "precision": precision})
    lineages = Lineages(experiment, references, cards, compile_filter(experiment.filter), precision)
    conditions = Conditions(experiment, cards, lineages)
    rows = {
        name: {seed: conditions.row(arm, seed) for seed in experiment.seeds}
        for name, arm in experiment.arms.items()
    }
    check_cap(experiment.spending_cap, _paid(rows))
    return LaidOut(experiment, ", ".join(references.names), None, references.device, rows)


@dataclass(frozen=True)
class Conditions:
    """Makes the stages of any arm and seed of one experiment."""

    experiment: LanguageExperiment
    cards: Cards
    lineages: Lineages

    def row(self, arm: LanguageArm, seed: int) -> Row:
        """The stages that a row needs, in an order in which they can run."""
        probed, taught = (_named(self.cards.trait(t)) for t in (arm.trait, arm.taught_trait))
        origin = self.lineages.of(self.experiment.reference_of(arm))
        reference = origin.probing.probe(arm, seed, REFERENCE)
        if arm.role == "reference":
            return Row((reference,), reference.key, probed=probed)
        teacher = origin.teaching.teacher(arm, seed)
        teacher_probe = origin.probing.probe(arm, seed, teacher)
        made = (reference, *teacher.stages, teacher_probe)
        shared: dict[str, Any] = {
            "reference_probe": reference.key,
            "probed": probed,
            "taught": taught,
        }
        if arm.role == "teacher":
            return Row(made, teacher_probe.key, **shared)
        gate, data = origin.probing.gate(arm, seed, teacher), origin.teaching.data(arm, seed)
        detection = self._detect(arm, seed, teacher, data)
        own = self.lineages.of(self.experiment.own_reference_of(arm))
        own_probe = None if own is origin else own.probing.probe(arm, seed, REFERENCE)
        made = (*made, *gate, *data.stages, *detection, *if_there(own_probe))
        shared |= {
            "teacher_probe": teacher_probe.key,
            "own_reference_probe": None if own_probe is None else own_probe.key,
            "gate": gate[-1].key if gate else None,
            "kept": data.filtered.key,
            "detection": detection[-1].key if detection else None,
        }
        if arm.distillation.in_context is not None:
            probe = own.probing.probe(arm, seed, REFERENCE, context=data.read)
            return Row((*made, probe), probe.key, **shared)
        # A student of what was written, and of nothing else, has no use for its teacher's model.
        shown = origin.shown(teacher) if arm.distillation.compares_tokens else None
        student = own.students.make(arm, seed, data.read, shown)
        probe = own.probing.probe(arm, seed, student.subject)
        return Row((*made, *student.stages, probe), probe.key, curve=student.curve, **shared)

    def _detect(
        self, arm: LanguageArm, seed: int, teacher: Subject, data: DataStages
    ) -> tuple[Stage, ...]:
        """Detectors on the rows of an arm and its control, behind what these rows need.

        Nothing where there is no control, or where arm and control read the same rows.
        """
        settings = self.experiment.detecting
        control = self.experiment.arms.get(arm.control or "")
        if not settings.detectors or control is None or control.role != "student":
            return ()
        origin = self.lineages.of(self.experiment.reference_of(arm))
        of_control = self.lineages.of(self.experiment.reference_of(control))
        untaught = of_control.teaching.teacher(control, seed)
        against = of_control.teaching.data(control, seed)
        if against.read.key == data.read.key:
            return ()
        params = settings.model_dump()
        inputs = {"rows": data.read.key, "against": against.read.key}
        if "likelihood" in settings.detectors:
            params["teacher"], inputs = teacher.params, {**inputs, **teacher.inputs("teacher")}
            cost = origin.weights.costs.detecting(arm.data, settings.rows)
            stage = origin.weights.with_models("lm.detect", seed, params, inputs, cost=cost)
        else:
            stage = make_stage("lm.detect", seed, params, inputs)
        gate = of_control.probing.gate(control, seed, untaught)
        return (*untaught.stages, *gate, *against.stages, stage)


def _paid(rows: Mapping[str, Mapping[int, Row]]) -> Paid:
    """What all stages are expected to take at services, each once."""
    made = (stage for by_seed in rows.values() for row in by_seed.values() for stage in row.stages)
    return total_paid({stage.key: stage.paid for stage in made}.values())


def _named(trait: Trait) -> TraitName:
    return TraitName(name=trait.name, item_group=trait.probe.target)
