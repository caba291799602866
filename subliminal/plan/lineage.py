"""A reference and what is made from it: the makers of its stages."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from filters.filter import Filter
from subliminal.machine import Precision
from subliminal.plan.cards import Cards
from subliminal.plan.local_teachers import LocalTeachers
from subliminal.plan.once import Once
from subliminal.plan.parts import Shown, Subject, Trained
from subliminal.plan.probe_parts import Probes
from subliminal.plan.probing_stages import ProbingStages
from subliminal.plan.references import References
from subliminal.plan.service_maker import ServiceMaker
from subliminal.plan.service_probing import ServiceProbing
from subliminal.plan.service_rows import ServiceRows
from subliminal.plan.service_students import ServiceStudents
from subliminal.plan.service_teachers import ServiceTeachers
from subliminal.plan.spellings import Spellings
from subliminal.plan.stage_maker import StageMaker
from subliminal.plan.student_stages import StudentStages
from subliminal.plan.teaching_stages import Gates, TeachingStages
from subliminal.services.endpoint import Endpoint
from subliminal.spec.language import LanguageArm, LanguageExperiment
from subliminal.stage import Stage


class Probing(Gates, Protocol):
    """Asks the models of one reference what shows their traits."""

    def probe(
        self, arm: LanguageArm, seed: int, subject: Subject, context: Stage | None = None
    ) -> Stage:
        """What a model is asked, behind rows of a data set if there is a context."""
        ...


class Students(Protocol):
    """Makes the students of one reference."""

    def make(self, arm: LanguageArm, seed: int, rows: Stage, shown: Shown | None) -> Trained:
        """A student of rows, and of its teacher where that is shown to it."""
        ...


@dataclass(frozen=True)
class Lineage:
    """Makes the stages of one reference, of its teachers and of its students."""

    probing: Probing
    teaching: TeachingStages
    students: Students
    local: StageMaker | None
    """What makes stages that work with its weights; None where they are behind a service."""

    def shown(self, teacher: Subject) -> Shown:
        """A teacher to be shown to a student."""
        return Shown(teacher, self.weights)

    @property
    def weights(self) -> StageMaker:
        """What makes stages that work with its weights."""
        assert self.local is not None, "the plan refuses to ask services for more than text"
        return self.local


@dataclass(frozen=True)
class Lineages:
    """The lineages of one experiment."""

    experiment: LanguageExperiment
    references: References
    cards: Cards
    filter: Filter
    """The one filter of the experiment, for every arm."""
    precision: Precision
    """Of matrix products."""
    _once: Once = field(default_factory=Once)

    def of(self, name: str) -> Lineage:
        """The lineage of a reference, by its name."""
        service = self.references.services.get(name)
        if service is None:
            return self._once(name, lambda: self._here(name))
        return self._once(name, lambda: self._at(service))

    @cached_property
    def _probes(self) -> Probes:
        return Probes(self.experiment, self.cards)

    @cached_property
    def _service_rows(self) -> ServiceRows:
        return ServiceRows(self.cards)

    def _here(self, name: str) -> Lineage:
        models, experiment = self.references.of(name), self.experiment
        stages = StageMaker(models, self.precision, experiment.resources, experiment.inference)
        spellings = Spellings(self.cards, models)
        probing = ProbingStages(experiment.probing, self.cards, self._probes, stages, spellings)
        teachers = LocalTeachers(self.cards, stages)
        teaching = TeachingStages(teachers, probing, self.filter, self._service_rows)
        students = StudentStages(experiment.observation, self.cards, stages, spellings)
        return Lineage(probing, teaching, students, stages)

    def _at(self, service: Endpoint) -> Lineage:
        stages = ServiceMaker(service, self._service_rows)
        probing = ServiceProbing(self.experiment.probing, self.cards, self._probes, stages)
        teachers = ServiceTeachers(self.cards, stages)
        teaching = TeachingStages(teachers, probing, self.filter, self._service_rows)
        return Lineage(probing, teaching, ServiceStudents(stages), None)
