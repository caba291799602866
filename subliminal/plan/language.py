"""Arms of language experiments as stages.

    teach | steer -> (gate) -> write -> filter -> (transform) -> distil -> probe
                                                      (detect) match ->/

A stage's code stands beside what it does: :mod:`teachers.stages`, :mod:`filters.stages`,
:mod:`students.stages`, :mod:`subliminal.probes.stages`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import filters.detector_stages
import filters.stages
import students.stages
import subliminal.probes.stages
import teachers.stages
from filters.filter import Filter, compile_filter
from subliminal.judges.endpoint import Endpoint
from subliminal.machine import Precision
from subliminal.plan.cards import Cards
from subliminal.plan.costs import Costs
from subliminal.plan.laid_out import LaidOut
from subliminal.plan.language_checks import check_arm
from subliminal.plan.models import Model, Models
from subliminal.probes.bank_kinds import bank_data, headline_data
from subliminal.probes.disposition_bank import DispositionBank
from subliminal.probes.probe import probes_of
from subliminal.probes.scoring import Scoring, scoring_of
from subliminal.results import TraitName
from subliminal.row import Row
from subliminal.spec.language import (
    CardImplant,
    FineTuning,
    LanguageArm,
    LanguageExperiment,
    Nothing,
    SystemPrompt,
)
from subliminal.stage import Cost, Stage, StageKind
from teachers.prompted import system_prompt
from teachers.trait import Disposition, Trait, trait_data

KINDS: tuple[StageKind, ...] = (
    *teachers.stages.KINDS,
    *filters.stages.KINDS,
    *filters.detector_stages.KINDS,
    *students.stages.KINDS,
    *subliminal.probes.stages.KINDS,
)
_VERSIONS = {kind.name: kind.version for kind in KINDS}


def lay_out(experiment: LanguageExperiment, precision: Precision) -> LaidOut:
    """The stages behind every arm and seed.

    Raises:
        UserError: A model, card, bank or rule is missing or at fault, or does not fit an arm.
    """
    experiment = experiment.model_copy(update={"precision": precision})
    models, cards = Models(experiment), Cards()
    for name, arm in experiment.arms.items():
        check_arm(name, arm, experiment.probing, models, cards)
    conditions = Conditions(experiment, models, cards, compile_filter(experiment.filter))
    rows = {
        name: {seed: conditions.row(arm, seed) for seed in experiment.seeds}
        for name, arm in experiment.arms.items()
    }
    return LaidOut(experiment, models.reference.name, None, rows)


@dataclass(frozen=True)
class Subject:
    """A model that writes or is probed, and what stands before every prompt.

    It is the reference unless a stage made another.
    """

    made: Stage | None = None
    system: str | None = None
    steering: Stage | None = None
    strength: float = 0.0
    layer: int = 0

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What has to run before it is there."""
        return tuple(stage for stage in (self.made, self.steering) if stage is not None)

    @property
    def params(self) -> dict[str, Any]:
        """What makes it beside its artifacts."""
        steering = {"layer": self.layer, "strength": self.strength} if self.steering else None
        return {"system": self.system, "steering": steering}

    def inputs(self, role: str) -> dict[str, str]:
        """Its artifacts, the model under the name of its role in a stage."""
        artifacts = {role: self.made, "steering": self.steering}
        return {name: stage.key for name, stage in artifacts.items() if stage is not None}


REFERENCE = Subject()


@dataclass(frozen=True)
class DataStages:
    """The stages that make a data set, one behind the other."""

    written: Stage
    filtered: Stage
    transformed: Stage | None

    @property
    def read(self) -> Stage:
        """What students read."""
        return self.transformed or self.filtered

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All of them, in order."""
        return (self.written, self.filtered, *_if_there(self.transformed))


@dataclass(frozen=True)
class Conditions:
    """Makes the stages of any arm and seed of one experiment."""

    experiment: LanguageExperiment
    models: Models
    cards: Cards
    filter: Filter
    """The one filter of the experiment, for every arm."""

    def row(self, arm: LanguageArm, seed: int) -> Row:
        """The stages that a row needs, in an order in which they can run."""
        probed, taught = (_named(self.cards.trait(t)) for t in (arm.trait, arm.taught_trait))
        reference = self._probe(arm, seed, REFERENCE)
        if arm.role == "reference":
            return Row((reference,), reference.key, probed=probed)
        teacher = self._teacher(arm, seed)
        teacher_probe = self._probe(arm, seed, teacher)
        made = (reference, *teacher.stages, teacher_probe)
        shared: dict[str, Any] = {
            "reference_probe": reference.key,
            "probed": probed,
            "taught": taught,
        }
        if arm.role == "teacher":
            return Row(made, teacher_probe.key, **shared)
        gate, data = self._gate(arm, seed, teacher), self._data(arm, seed, teacher)
        detection = self._detect(arm, seed, teacher, data)
        made = (*made, *_if_there(gate), *data.stages, *detection)
        shared |= {
            "teacher_probe": teacher_probe.key,
            "gate": None if gate is None else gate.key,
            "kept": data.filtered.key,
            "detection": detection[-1].key if detection else None,
        }
        if arm.distillation.in_context is not None:
            probe = self._probe(arm, seed, REFERENCE, context=data.read)
            return Row((*made, probe), probe.key, **shared)
        match = self._match(arm, seed)
        student = self._distil(arm, seed, teacher, data.read, match)
        probe = self._probe(arm, seed, Subject(student))
        made = (*made, *_if_there(match), student, probe)
        return Row(made, probe.key, curve=student.key, **shared)

    def _data(self, arm: LanguageArm, seed: int, teacher: Subject) -> DataStages:
        """How the rows that a student reads come about."""
        written = self._write(arm, seed, teacher, self._gate(arm, seed, teacher))
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
            cost = self._costs.gate()
            stage = self._model_stage("lm.detect", seed, params, inputs, cost=cost)
        else:
            stage = self._stage("lm.detect", seed, params, inputs)
        gate = self._gate(control, seed, untaught)
        return (*untaught.stages, *_if_there(gate), *against.stages, stage)

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
            cost = self._costs.teaching(
                implant.rows, implant.recipe, of_code=isinstance(trait, Disposition)
            )
            return Subject(self._model_stage("lm.teach", seed, params, cost=cost))
        params = {
            "system": system_prompt(trait),
            "category": trait.category,
            **implant.model_dump(include={"layer", "questions"}),
        }
        cost = self._costs.steering(implant.questions)
        steering = self._model_stage("lm.steer", seed, params, cost=cost)
        return Subject(steering=steering, strength=implant.strength, layer=implant.layer)

    def _gate(self, arm: LanguageArm, seed: int, teacher: Subject) -> Stage | None:
        """What a teacher is asked before it writes, and how far it must be from the reference."""
        if not implants_trait(self.cards.implant(arm)):
            return None
        params = {
            "teacher": teacher.params,
            "bank": headline_data(self.cards.bank(arm.taught_trait)),
            "target": self.cards.trait(arm.taught_trait).probe.target,
            "shift": self.experiment.statistics.teacher_shift,
        }
        inputs, cost = teacher.inputs("teacher"), self._costs.gate()
        return self._model_stage("lm.gate", seed, params, inputs, cost=cost)

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
        inputs, cost = teacher.inputs("teacher"), self._costs.writing(arm.data)
        written = self._model_stage("lm.write", seed, params, inputs, cost=cost, local=local)
        return written if gate is None else replace(written, after=(gate.key,))

    def _filter(self, arm: LanguageArm, seed: int, written: Stage) -> Stage:
        params = {
            "rules": self.filter.described(),
            # The fingerprint tells versions of the rules' code apart too.
            "fingerprint": self.filter.fingerprint,
            "keep": arm.data.keep,
        }
        return self._stage("lm.filter", seed, params, {"rows": written.key})

    def _transform(self, arm: LanguageArm, seed: int, filtered: Stage) -> Stage | None:
        if arm.data.transform is None:
            return None
        params = {"transform": arm.data.transform}
        return self._stage("lm.transform", seed, params, {"rows": filtered.key})

    def _match(self, arm: LanguageArm, seed: int) -> Stage | None:
        if arm.initialisation.relation != "matched":
            return None
        matching, start = arm.initialisation.matching, self._start(arm)
        params = {"student": start.params, "matching": matching.model_dump()}
        cost = self._costs.matching(matching.rows, matching.recipe)
        return self._model_stage("lm.match", seed, params, cost=cost, start=start)

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
        cost = self._costs.distilling(arm.data, distillation.recipe, teacher=sees_teacher)
        return self._model_stage("lm.distil", seed, params, inputs, cost=cost, start=start)

    def _probe(
        self, arm: LanguageArm, seed: int, subject: Subject, context: Stage | None = None
    ) -> Stage:
        bank, probing = self.cards.bank(arm.trait), self.experiment.probing
        params = {
            "subject": subject.params,
            "bank": bank_data(bank),
            "probing": {
                "probes": probes_of(bank, probing),
                "samples": probing.samples,
                "side_effects": probing.side_effects,
            },
            "in_context": None if context is None else arm.distillation.in_context,
        }
        local = {}
        if isinstance(bank, DispositionBank):
            scoring, service = self._scoring
            params["scoring"] = scoring.model_dump(mode="json")
            if service is not None:
                # Where and on which terms a judge is reached decides no verdict.
                local["service"] = service.model_dump_json()
        inputs = subject.inputs("model")
        if context is not None:
            inputs["context"] = context.key
        cost = self._costs.probing()
        return self._model_stage("lm.probe", seed, params, inputs, cost=cost, local=local)

    @cached_property
    def _scoring(self) -> tuple[Scoring, Endpoint | None]:
        """How answers about dispositions are scored, and the service of a judge."""
        return scoring_of(self.experiment.probing.free_form)

    def _start(self, arm: LanguageArm) -> Model:
        """The model that the student is made from."""
        return self.models.start(arm.initialisation.relation)

    def _model_stage(
        self,
        kind: str,
        seed: int,
        params: Mapping[str, Any],
        inputs: Mapping[str, str] | None = None,
        *,
        cost: Cost,
        start: Model | None = None,
        local: Mapping[str, str] | None = None,
    ) -> Stage:
        """A stage that works with the reference, and with the model that a student is made from."""
        reference = self.models.reference
        local = {**(local or {}), "model": str(reference.folder)}
        if start is not None:
            local["student"] = str(start.folder)
        params = {
            **params,
            "model": reference.params,
            "precision": self.experiment.precision,
        }
        return self._stage(kind, seed, params, inputs, cost=cost, local=local)

    def _stage(
        self,
        kind: str,
        seed: int,
        params: Mapping[str, Any],
        inputs: Mapping[str, str] | None = None,
        *,
        cost: Cost | None = None,
        local: Mapping[str, str] | None = None,
    ) -> Stage:
        return Stage(
            kind=kind,
            version=_VERSIONS[kind],
            params=params,
            seed=seed,
            inputs=inputs or {},
            label=f"{kind.removeprefix('lm.')} (seed {seed})",
            cost=cost or Cost(),
            local=local or {},
        )

    @cached_property
    def _costs(self) -> Costs:
        return Costs(self.models.reference.shape)


def implants_trait(implant: Nothing | CardImplant) -> bool:
    """Whether a teacher is meant to have its trait: siblings of unsafe code are controls."""
    if isinstance(implant, FineTuning):
        return implant.data in (None, "insecure")
    return not isinstance(implant, Nothing)


def _if_there(stage: Stage | None) -> tuple[Stage, ...]:
    return () if stage is None else (stage,)


def _named(trait: Trait) -> TraitName:
    return TraitName(name=trait.name, item_group=trait.probe.target)
