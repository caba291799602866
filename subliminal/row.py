"""A row of the table: an arm and a seed, and the stages it is read from."""

from __future__ import annotations

from dataclasses import dataclass

from subliminal.results import TraitName
from subliminal.stage import Stage


@dataclass(frozen=True)
class Row:
    """The stages behind one row of the table, an arm and a seed."""

    stages: tuple[Stage, ...]
    probe: str
    """Key of the stage that probes the arm's model."""
    curve: str | None = None
    """Key of the stage that kept measurements while the student learned."""
    teacher_probe: str | None = None
    reference_probe: str | None = None
    own_reference_probe: str | None = None
    """Key of the stage that probes the student's own reference, where it is not its teacher's."""
    kept: str | None = None
    """Key of the stage that filtered the student's data."""
    detection: str | None = None
    """Key of the stage that tries to tell the student's rows from its control's."""
    gate: str | None = None
    """Key of the stage that fails where the student's teacher lacks its trait."""
    probed: TraitName | None = None
    """The trait that the row is about; None if all items count."""
    taught: TraitName | None = None
    """The trait that the teacher is given; None for a reference, or where traits have no names."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Keys of the artifacts that the row's results are read from."""
        keys = (
            self.gate,
            self.probe,
            self.curve,
            self.teacher_probe,
            self.reference_probe,
            self.own_reference_probe,
            self.kept,
        )
        return tuple(key for key in keys if key is not None)

    @property
    def wanted(self) -> tuple[str, ...]:
        """Keys of all that is to be made: the row is whole without what detectors found."""
        return self.targets if self.detection is None else (*self.targets, self.detection)
