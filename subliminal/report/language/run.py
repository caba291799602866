"""A run on language models as its figures and tables see it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pydantic import ValidationError
from ruamel.yaml import YAML, YAMLError

from subliminal.errors import UserError
from subliminal.report.caveat import caveat_of
from subliminal.report.language.effects import (
    ByArm,
    Effect,
    by_arm,
    differences_of,
    values_of,
)
from subliminal.report.language.variants import Variant, control_of, reference_of, variants_of
from subliminal.report.run_folder import RunFolder, confidence_of
from subliminal.report.sweeps import sweep_paths
from subliminal.results import EXPERIMENT, MANIFEST, Summary, TraitName
from subliminal.spec import LanguageArm, LanguageExperiment
from subliminal.spec.teaching import Implant, Nothing

HEADLINE, PIVOTAL = "favourite", "pivotal"
"""The probe that figures show where it was asked: exact, and the same in every run."""
HEADLINES = (HEADLINE, PIVOTAL)
"""The same of traits of every kind: of preferences, and of dispositions."""

LOG_ODDS, SHARE = "log_odds", "share_of_shift"

_OTHER_MODEL = "other model"
_RELATIONS = ("same", "reordered", "matched", "different", _OTHER_MODEL)
"""Of students to their teachers' reference, in the order in which they are told."""


@dataclass(frozen=True)
class LanguageRun:
    """What a run on language models left behind, put together by variants."""

    data: RunFolder
    experiment: LanguageExperiment

    @property
    def confidence(self) -> float:
        """Of the run's intervals."""
        return confidence_of(self.data.manifest)

    @property
    def caveat(self) -> str:
        """What must stand by every result of this run; empty if nothing must."""
        return caveat_of(self.data.manifest, self.experiment.model)

    @cached_property
    def variants(self) -> list[Variant]:
        """Every variant, in the order of the run."""
        arms = self.data.manifest.arms
        return variants_of(arms, {name: self.trait(name) for name in arms})

    @cached_property
    def probes(self) -> list[str]:
        """The judged probes, the one that figures show first."""
        found = dict.fromkeys(row.probe for row in self.data.summary if row.metric == LOG_ODDS)
        return sorted(found, key=lambda probe: probe not in HEADLINES)

    @cached_property
    def traits(self) -> list[str]:
        """The traits that arms are probed for, in the order of the run."""
        return list(dict.fromkeys(self.trait(name) for name in self.data.manifest.arms))

    def trait(self, arm: str) -> str:
        """The trait that an arm is probed for."""
        return _named(self.data.manifest.arms[arm].probed).name

    def item_group(self, arm: str) -> str:
        """What the trait that an arm is probed for is called in measurements and curves."""
        return _named(self.data.manifest.arms[arm].probed).item_group

    def taught(self, arm: str) -> TraitName:
        """The trait of an arm's teacher."""
        return _named(self.data.manifest.arms[arm].taught)

    def target(self, variant: Variant) -> str:
        """What its students learn from: tokens, or logits."""
        return self._first(variant).distillation.target

    def starts_at_reference(self, variant: Variant) -> bool:
        """Whether its students start as the reference does that they are measured from."""
        return self._first(variant).initialisation.relation == "same"

    def models(self, variant: Variant) -> tuple[str, str]:
        """The references of its teachers and of its students, by their names."""
        arm = self._first(variant)
        return self.experiment.reference_of(arm), self.experiment.own_reference_of(arm)

    def teacher_of(self, variant: Variant) -> Variant | None:
        """The teachers of a variant's students; None if the run shows no such teachers."""
        wanted = self._lessons(variant)
        for teacher in self.of_role("teacher"):
            given = self._lessons(teacher)
            if all(given.get(trait) == lesson for trait, lesson in wanted.items()):
                return teacher
        return None

    def rows(self, probe: str, metric: str) -> list[Summary]:
        """Summary rows of one probe and metric."""
        return self._rows.get((probe, metric), [])

    def values(self, variant: Variant, probe: str, metric: str) -> Effect:
        """The values of a variant's arms."""
        return values_of(variant, self._values(probe, metric), self.confidence)

    def shares(self, variant: Variant, probe: str) -> Effect:
        """The share of the teacher's shift, of the traits that the teachers have.

        A teacher that hardly moved has no shift to take a share of: the ratio would be noise.
        Teachers who are not asked for a shift are held to the one that counts as none.
        """
        untaught = {
            row.arm for row in self.rows(probe, LOG_ODDS) if lacks_teacher(row.verdict or "")
        }
        untaught |= self._unmoved(variant, probe)
        rows = [row for row in self.rows(probe, SHARE) if row.arm not in untaught]
        return values_of(variant, by_arm(rows), self.confidence)

    def from_control(self, variant: Variant, probe: str, metric: str = LOG_ODDS) -> Effect:
        """How far a variant's arms lie from their controls."""
        arms = self.data.manifest.arms
        values = self._values(probe, metric)
        return differences_of(variant, values, lambda arm: control_of(arm, arms), self.confidence)

    def from_reference(self, variant: Variant, probe: str, metric: str = LOG_ODDS) -> Effect:
        """How far a variant's arms lie from the untaught reference."""
        values = self._values(probe, metric)
        return differences_of(variant, values, self._references.__getitem__, self.confidence)

    def of_role(self, role: str) -> list[Variant]:
        """The variants of a role."""
        return [variant for variant in self.variants if variant.role == role]

    @cached_property
    def compared(self) -> list[Variant]:
        """The students that have a control: plain ones by initialisation, then the others.

        Students of tokens come before students of logits.
        """
        students = [variant for variant in self.of_role("student") if variant.control]
        return sorted(students, key=self._rank)

    @cached_property
    def controls(self) -> list[Variant]:
        """The students that have no control, and are that of others."""
        used = {control_of(arm, self.data.manifest.arms) for arm in self.data.manifest.arms}
        return [
            variant
            for variant in self.of_role("student")
            if not variant.control and used & set(variant.arms.values())
        ]

    @cached_property
    def uncompared(self) -> list[Variant]:
        """The students that are compared with nothing, and serve nobody as a control."""
        return [
            variant
            for variant in self.of_role("student")
            if not variant.control and variant not in self.controls
        ]

    def undosed(self, variants: Sequence[Variant]) -> list[Variant]:
        """Those that are no step of a dose curve; all of them if all are."""
        doses = set(sweep_paths(self.data.manifest.arms))
        return [v for v in variants if not doses & v.point.keys()] or list(variants)

    @cached_property
    def _rows(self) -> dict[tuple[str, str], list[Summary]]:
        """Summary rows by probe and metric."""
        rows: dict[tuple[str, str], list[Summary]] = {}
        for row in self.data.summary:
            rows.setdefault((row.probe, row.metric), []).append(row)
        return rows

    @cached_property
    def _by_measure(self) -> dict[tuple[str, str], ByArm]:
        return {measure: by_arm(rows) for measure, rows in self._rows.items()}

    def _values(self, probe: str, metric: str) -> ByArm:
        return self._by_measure.get((probe, metric), {})

    @cached_property
    def _references(self) -> dict[str, str | None]:
        arms = self.data.manifest.arms
        models = {name: self.experiment.own_reference_of(self._arm(name)) for name in arms}
        return {name: reference_of(name, arms, models) for name in arms}

    def _rank(self, variant: Variant) -> tuple[bool, bool, int]:
        arm = self._first(variant)
        changed = (
            arm.taught is not None
            or arm.data.transform is not None
            or arm.distillation.mask != "none"
            or arm.distillation.in_context is not None
            or isinstance(arm.teacher, Nothing)
            or self._has_another_teacher(variant)
        )
        teacher, own = self.models(variant)
        relation = arm.initialisation.relation if teacher == own else _OTHER_MODEL
        place = 0 if changed else _RELATIONS.index(relation)
        return arm.distillation.target != "tokens", changed, place

    def _has_another_teacher(self, variant: Variant) -> bool:
        """Whether its teachers are of another group than those that the run names first."""
        teacher = self.teacher_of(variant)
        return teacher is not None and teacher.group != self.of_role("teacher")[0].group

    def _unmoved(self, variant: Variant, probe: str) -> set[str]:
        """The arms of a variant whose teachers are as near the reference as counts as none."""
        teacher = self.teacher_of(variant)
        if teacher is None:
            return set()
        shifts = self.from_reference(teacher, probe)
        bound = self.experiment.statistics.equivalence_bound
        return {
            arm
            for trait, arm in variant.arms.items()
            if abs(shifts.of_trait(trait, self.confidence).estimate) < bound
        }

    def _lessons(self, variant: Variant) -> dict[str, tuple[str, str, Implant]]:
        """Trait -> the reference that the teacher is made from, what it is given, and how."""
        arms = {trait: self._arm(name) for trait, name in variant.arms.items()}
        reference_of = self.experiment.reference_of
        return {t: (reference_of(arm), arm.taught_trait, arm.teacher) for t, arm in arms.items()}

    def _first(self, variant: Variant) -> LanguageArm:
        return self._arm(next(iter(variant.arms.values())))

    def _arm(self, name: str) -> LanguageArm:
        try:
            return self.experiment.arms[name]
        except KeyError:
            raise UserError(
                f"{EXPERIMENT}: has no arm {name!r}, which the manifest has; run the experiment "
                "again to rewrite it"
            ) from None


def language_run(data: RunFolder) -> LanguageRun | None:
    """The run as one on language models; None if it is of another kind.

    Raises:
        UserError: Its experiment cannot be read.
    """
    if not re.search(r"^kind: language$", data.experiment, re.MULTILINE):
        return None
    try:
        resolved = YAML(typ="safe").load(data.experiment)
        return LanguageRun(data, LanguageExperiment.model_validate(resolved))
    except (YAMLError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise UserError(
            f"{EXPERIMENT}: damaged, or of another version ({first}); run the experiment again "
            "to rewrite it"
        ) from None


def lacks_teacher(verdict: str) -> bool:
    """Whether a verdict was withheld because the arm's teacher did not acquire its trait."""
    return "the teacher lacks the trait" in verdict


def _named(trait: TraitName | None) -> TraitName:
    if trait is None:
        raise UserError(f"{MANIFEST}: does not name the traits; run the experiment again")
    return trait
