"""The references of one experiment: its own, and those that arms state; here or at services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from subliminal import machine
from subliminal.plan.models import FindModel, Model, Models
from subliminal.plan.naming import naming
from subliminal.plan.once import Once
from subliminal.services.endpoint import Endpoint, read_endpoint
from subliminal.spec.language import LanguageArm, LanguageExperiment


@dataclass(frozen=True)
class References:
    """Each reference with its relatives, or its service, looked up once."""

    experiment: LanguageExperiment
    services: Mapping[str, Endpoint]
    """The models behind services, by the names that the experiment gives them."""
    find: FindModel
    """Looks up those that are computed here."""
    _once: Once = field(default_factory=Once)

    @classmethod
    def read(cls, experiment: LanguageExperiment, find: FindModel) -> References:
        """The references of an experiment, none of them looked up yet.

        Raises:
            UserError: The file of a service is missing, or there is a fault in it or in its
                fields.
        """
        services = {}
        for name, stated in experiment.services.items():
            with naming(f"services.{name}"):
                services[name] = read_endpoint(stated)
        return cls(experiment, services, find)

    @property
    def names(self) -> list[str]:
        """Those that arms have, in the order of the arms."""
        experiment = self.experiment
        both = (experiment.reference_of, experiment.own_reference_of)
        return list(dict.fromkeys(of(arm) for arm in experiment.arms.values() for of in both))

    @property
    def local(self) -> list[str]:
        """Those of them that are computed here."""
        return [name for name in self.names if name not in self.services]

    @property
    def device(self) -> str:
        """Where they are computed: small ones, in PyTorch, on the processor."""
        small = all(self.of(name).reference.is_small for name in self.local)
        in_torch = self.experiment.inference.engine != "vllm"
        return "cpu" if small and in_torch else machine.device()

    def of(self, name: str) -> Models:
        """A reference that is computed here, by its name."""
        stated = self.experiment.relatives if name == self.experiment.model else None
        return self._once(name, lambda: Models(name, stated, self.find))

    def of_teacher(self, arm: LanguageArm) -> Model | None:
        """The reference that an arm's teacher is made from; None if it is behind a service."""
        return self._local(self.experiment.reference_of(arm))

    def own(self, arm: LanguageArm) -> Model | None:
        """The reference that an arm's model belongs to; None if it is behind a service."""
        return self._local(self.experiment.own_reference_of(arm))

    def _local(self, name: str) -> Model | None:
        return None if name in self.services else self.of(name).reference
