"""What the plan of one kind of experiment comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from subliminal.row import Row
from subliminal.spec import Experiment


@dataclass(frozen=True)
class LaidOut:
    """An experiment and the stages behind its rows."""

    experiment: Experiment
    """With what was chosen for `auto`."""
    data_label: str
    """The data, or the model, in words for people."""
    fallback_reason: str | None
    """Why these are not the data that were asked for; None where they are."""
    device: str
    """Where its models are computed: `cuda` or `cpu`."""
    rows: Mapping[str, Mapping[int, Row]]
    """Arm -> seed -> the stages behind the row."""
