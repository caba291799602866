"""Arms of language experiments as stages.

    teach | steer -> (gate) -> write -> filter -> (transform) -> distil -> probe
                                                      (detect) match ->/

A stage's code stands beside what it does: :mod:`teachers.stages`, :mod:`filters.stages`,
:mod:`students.stages`, :mod:`subliminal.probes.stages`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from filters.filter import Filter, compile_filter
from subliminal.machine import Precision
from subliminal.plan.cards import Cards
from subliminal.plan.laid_out import LaidOut
from subliminal.plan.language_checks import ArmChecks, check_probing
from subliminal.plan.models import FindModel, Model, Models
from subliminal.plan.once import Once
from subliminal.plan.parts import REFERENCE, DataStages, Subject, if_there
from subliminal.plan.probing_stages import ProbingStages, implants_trait
from subliminal.plan.stage_maker import LANGUAGE_KINDS, StageMaker
from subliminal.probes.bank_kinds import headline_data
from subliminal.results import TraitName
from subliminal.row import Row
from subliminal.spec.language import (
    FineTuning,
    LanguageArm,
    LanguageExperiment,
    Nothing,
    SystemPrompt,
)
from subliminal.stage import Stage
from teachers.prompted import system_prompt
from teachers.trait import Disposition, Trait, trait_data

KINDS = LANGUAGE_KINDS


def lay_out(experiment: LanguageExperiment, precision: Precision, find: FindModel) -> LaidOut:
    """The stages behind every arm and seed.

    Raises:
        UserError: A model, card, bank or rule is missing or at fault, or does not fit an arm.
    """
    experiment = experiment.model_copy(update={"precision": precision})
    models, cards = Models(experiment, find), Cards()
    check_probing(experiment.probing)
    checks = ArmChecks(experiment.probing, models, cards)
    for name, arm in experiment.arms.items():
        checks.check(name, arm)
    stages = StageMaker(models, precision)
    conditions = Conditions(experiment, stages, cards, compile_filter(experiment.filter))
    rows = {
        name: {seed: conditions.row(arm, seed) for seed in experiment.seeds}
        for name, arm in experiment.arms.items()
    }
    return LaidOut(experiment, models.reference.name, None, rows)


@dataclass(frozen=True)
class Conditions:
    """Makes the stages of any arm and seed of one experiment."""

    experiment: LanguageExperiment
    stages: StageMaker
    cards: Cards
    filter: Filter
    """The one filter of the experiment, for every arm."""
    _once: Once = field(default_factory=Once)
    """Arms of a sweep have most of their stages in common."""

    @cached_property
    def _probing(self) -> ProbingStages:
        return ProbingStages(self.experiment, self.cards, self.stages)

    def row(self, arm: LanguageArm, seed: int) -> Row:
        """The stages that a row needs, in an order in which they can run."""
        probed, taught = (_named(self.cards.trait(t)) for t in (arm.trait, arm.taught_trait))
        reference = self._probing.probe(arm, seed, REFERENCE)
        if arm.role == "reference":
            return Row((reference,), reference.key, probed=probed)
        teacher = self._teacher(arm, seed)
        teacher_probe = self._probing.probe(arm, seed, teacher)
        made = (reference, *teacher.stages, teacher_probe)
        shared: dict[str, Any] = {
            "reference_probe": reference.key,
            "probed": probed,
            "taught": taught,
        }
        if arm.role == "teacher":
            return Row(made, teacher_probe.key, **shared)
        gate, data = self._probing.gate(arm, seed, teacher), self._data(arm, seed, teacher)
        detection = self._detect(arm, seed, teacher, data)
        made = (*made, *if_there(gate), *data.stages, *detection)
        shared |= {
            "teacher_probe": teacher_probe.key,
            "gate": None if gate is None else gate.key,
            "kept": data.filtered.key,
            "detection": detection[-1].key if detection else None,
        }
        if arm.distillation.in_context is not None:
            probe = self._probing.probe(arm, seed, REFERENCE, context=data.read)
            return Row((*made, probe), probe.key, **shared)
        match = self._match(arm, seed)
        student = self._distil(arm, seed, teacher, data.read, match)
        probe = self._probing.probe(arm, seed, Subject(student))
        made = (*made, *if_there(match), student, probe)
        return Row(made, probe.key, curve=student.key, **shared)

    def _data(self, arm: LanguageArm, seed: int, teacher: Subject) -> DataStages:
        """How the rows that a student reads come about."""
        taught = (arm.taught_trait, arm.teacher)
        key = ("data", arm.data, taught, seed, teacher.identity)
        return self._once(key, lambda: self._make_data(arm, seed, teacher))

    def _make_data(self, arm: LanguageArm, seed: int, teacher: Subject) -> DataStages:
        written = self._write(arm, seed, teacher, self._probing.gate(arm, seed, teacher))
        filtered = self._filter(arm, seed, written)
        return DataStages(written, filtered, self._transform(arm, seed, filtered))

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
        untaught = self._teacher(control, seed)
        against = self._data(control, seed, untaught)
        if against.read.key == data.read.key:
            return ()
        params = settings.model_dump()
        inputs = {"rows": data.read.key, "against": against.read.key}
        if "likelihood" in settings.detectors:
            params["teacher"], inputs = teacher.params, {**inputs, **teacher.inputs("teacher")}
            cost = self.stages.costs.detecting(arm.data, settings.rows)
            stage = self.stages.with_models("lm.detect", seed, params, inputs, cost=cost)
        else:
            stage = self.stages.make("lm.detect", seed, params, inputs)
        gate = self._probing.gate(control, seed, untaught)
        return (*untaught.stages, *if_there(gate), *against.stages, stage)

    def _teacher(self, arm: LanguageArm, seed: int) -> Subject:
        key = ("teacher", arm.taught_trait, arm.teacher, seed)
        return self._once(key, lambda: self._make_teacher(arm, seed))

    def _make_teacher(self, arm: LanguageArm, seed: int) -> Subject:
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

    def _write(self, arm: LanguageArm, seed: int, teacher: Subject, gate: Stage | None) -> Stage:
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
        written = self.stages.with_models("lm.write", seed, params, inputs, cost=cost, local=local)
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

    def _match(self, arm: LanguageArm, seed: int) -> Stage | None:
        key = ("match", arm.initialisation, arm.data.carrier, seed)
        return self._once(key, lambda: self._make_match(arm, seed))

    def _make_match(self, arm: LanguageArm, seed: int) -> Stage | None:
        if arm.initialisation.relation != "matched":
            return None
        matching, start = arm.initialisation.matching, self._start(arm)
        matching = matching.model_copy(update={"prompts": matching.prompts or (arm.data.carrier,)})
        params = {"student": start.params, "matching": matching.model_dump()}
        cost = self.stages.costs.matching(matching.rows, matching.recipe)
        return self.stages.with_models("lm.match", seed, params, cost=cost, start=start)

    def _distil(
        self, arm: LanguageArm, seed: int, teacher: Subject, rows: Stage, match: Stage | None
    ) -> Stage:
        start, distillation = self._start(arm), arm.distillation
        sees_teacher = distillation.target == "logits" or distillation.mask != "none"
        params = {
            "student": start.params,
            "distillation": distillation.model_dump(exclude={"in_context"}),
            "adapter": arm.initialisation.adapter,
            "teacher": teacher.params if sees_teacher else None,
            "bank": headline_data(self.cards.bank(arm.trait)),
            "observation": self.experiment.observation.model_dump(),
        }
        inputs = {"rows": rows.key, **(teacher.inputs("teacher") if sees_teacher else {})}
        if match is not None:
            inputs["start"] = match.key
        cost = self.stages.costs.distilling(
            arm.data,
            distillation.recipe,
            self.cards.bank(arm.trait),
            teacher=sees_teacher,
            observations=self.experiment.observation.points,
        )
        return self.stages.with_models("lm.distil", seed, params, inputs, cost=cost, start=start)

    def _start(self, arm: LanguageArm) -> Model:
        """The model that the student is made from."""
        return self.stages.models.start(arm.initialisation.relation)


def _named(trait: Trait) -> TraitName:
    return TraitName(name=trait.name, item_group=trait.probe.target)
