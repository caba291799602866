"""The references of one experiment: its own, and those that arms state."""

from __future__ import annotations

from dataclasses import dataclass, field

from subliminal.plan.models import FindModel, Model, Models
from subliminal.plan.once import Once
from subliminal.spec.language import LanguageArm, LanguageExperiment


@dataclass(frozen=True)
class References:
    """Each reference with its relatives, looked up once."""

    experiment: LanguageExperiment
    find: FindModel = Model.find
    _once: Once = field(default_factory=Once)

    @property
    def names(self) -> list[str]:
        """Those that arms have, in the order of the arms."""
        experiment = self.experiment
        both = (experiment.reference_of, experiment.own_reference_of)
        return list(dict.fromkeys(of(arm) for arm in experiment.arms.values() for of in both))

    def of(self, name: str) -> Models:
        """A reference by its name."""
        is_the_experiment_s = name == self.experiment.model
        relatives = self.experiment.relatives if is_the_experiment_s else None
        return self._once(name, lambda: Models(name, relatives, self.find))

    def of_teacher(self, arm: LanguageArm) -> Model:
        """The reference that an arm's teacher is made from."""
        return self.of(self.experiment.reference_of(arm)).reference

    def own(self, arm: LanguageArm) -> Model:
        """The reference that an arm's model belongs to."""
        return self.of(self.experiment.own_reference_of(arm)).reference
