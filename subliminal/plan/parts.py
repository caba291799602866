"""What the rows of language experiments are made of: models, and data sets."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from subliminal.plan.stage_maker import StageMaker
from subliminal.stage import Stage


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
    def identity(self) -> Hashable:
        """Equal for subjects that are the same."""
        keys = tuple(stage and stage.key for stage in (self.made, self.steering))
        return (*keys, self.system, self.strength, self.layer)

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
        return (self.written, self.filtered, *if_there(self.transformed))


@dataclass(frozen=True)
class Shown:
    """A teacher whose probabilities a student is shown."""

    teacher: Subject
    stages: StageMaker
    """Of the reference that it was made from."""


@dataclass(frozen=True)
class Trained:
    """A student, and how it comes about."""

    stages: tuple[Stage, ...]
    """What makes it, in order; the last one is it."""
    curve: str | None = None
    """Key of the stage that kept measurements while it learned."""

    @property
    def subject(self) -> Subject:
        """Who is probed."""
        return Subject(self.stages[-1])


def if_there(stage: Stage | None) -> tuple[Stage, ...]:
    """A stage that may not be needed, as stages."""
    return () if stage is None else (stage,)
