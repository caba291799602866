"""The rows of a summary table: texts, ready to be shown in any form."""

from __future__ import annotations

from dataclasses import dataclass

from subliminal.report.labels import MISSING, percent
from subliminal.results import ArmState

OUTCOMES = ("transfer", "no transfer", "not testable", "incomplete", "failed")
"""Labels of verdicts, and of how arms without one ended."""
CONTROL = "control"
"""In the place of a verdict: a student that has no control because it is one."""


@dataclass(frozen=True)
class TableRow:
    """One arm, probe and metric in print; unknown values are "n/a"."""

    arm: str
    role: str
    probe: str
    metric: str
    seeds: str
    """Number of seeds behind the mean."""
    mean: str
    """Mean over seeds with its interval, "0.537 [0.515, 0.559]"."""
    control: str
    """The arm it is compared with; empty if none."""
    contrast: str
    """Difference from the control with its interval and sign; empty without a control."""
    verdict: str
    """Label of the verdict, or how an arm without a verdict ended; empty if not judged."""
    reason: str

    @property
    def outcome(self) -> str:
        """The label that leads the verdict, which may go on with a count; empty if none does."""
        return next((label for label in OUTCOMES if self.verdict.startswith(label)), "")


@dataclass(frozen=True)
class SummaryTable:
    """The summary of a run: a row for each arm, probe and metric."""

    rows: tuple[TableRow, ...]
    confidence: float
    note: str = ""
    """What must be read with it."""

    def columns(self) -> dict[str, str]:
        """Field of a row -> heading, without the probe or metric if there is only one."""
        interval = f"[{percent(self.confidence)} interval]"
        headings = {
            "arm": "arm",
            "role": "role",
            "probe": "probe",
            "metric": "metric",
            "seeds": "seeds",
            "mean": f"mean {interval}",
            "control": "control",
            "contrast": f"difference from control {interval}",
            "verdict": "verdict",
            "reason": "reason",
        }
        for field in ("probe", "metric"):
            if len({getattr(row, field) for row in self.rows} - {MISSING}) <= 1:
                del headings[field]
        return headings

    def cells(self) -> list[list[str]]:
        """The texts below `columns()`, row by row."""
        return [[getattr(row, field) for field in self.columns()] for row in self.rows]


def split_verdict(verdict: str) -> tuple[str, str]:
    """Label and reason of a verdict written as "label: reason"."""
    label, _, reason = verdict.partition(": ")
    return label, reason


def control_name(state: ArmState) -> str:
    """The control of an arm; empty if it has none."""
    return "" if state.control in (None, "none") else str(state.control)
