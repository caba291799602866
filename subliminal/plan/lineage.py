"""A reference and what is made from it: the makers of its stages."""

from __future__ import annotations

from dataclasses import dataclass, field

from filters.filter import Filter
from subliminal.machine import Precision
from subliminal.plan.cards import Cards
from subliminal.plan.models import Models
from subliminal.plan.once import Once
from subliminal.plan.probing_stages import ProbingStages
from subliminal.plan.references import References
from subliminal.plan.stage_maker import StageMaker
from subliminal.plan.student_stages import StudentStages
from subliminal.plan.teaching_stages import TeachingStages
from subliminal.spec.language import LanguageExperiment


@dataclass(frozen=True)
class Lineage:
    """Makes the stages of one reference, of its teachers and of its students."""

    stages: StageMaker
    probing: ProbingStages
    teaching: TeachingStages
    students: StudentStages

    @property
    def models(self) -> Models:
        """The reference and its relatives."""
        return self.stages.models


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
        return self._once(name, lambda: self._make(name))

    def _make(self, name: str) -> Lineage:
        models, experiment = self.references.of(name), self.experiment
        stages = StageMaker(models, self.precision, experiment.resources, experiment.inference)
        probing = ProbingStages(self.experiment, self.cards, stages)
        teaching = TeachingStages(self.cards, stages, probing, self.filter)
        students = StudentStages(self.experiment.observation, self.cards, stages)
        return Lineage(stages, probing, teaching, students)
