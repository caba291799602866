"""The summary table of a run whose arms stand for themselves: a row for each arm."""

from __future__ import annotations

from collections.abc import Container, Sequence

from subliminal.report.caveat import caveat_of
from subliminal.report.labels import MISSING, estimate
from subliminal.report.run_folder import confidence_of
from subliminal.report.table_rows import (
    CONTROL,
    SummaryTable,
    TableRow,
    control_name,
    split_verdict,
)
from subliminal.results import ArmState, Manifest, Summary


def arm_table(
    manifest: Manifest, summary: Sequence[Summary], *, every_arm: bool = True
) -> SummaryTable:
    """Put a run's summary into printable rows.

    Args:
        manifest: The run; its arms give the order.
        summary: Estimates, contrasts and verdicts.
        every_arm: Give arms without a summary row, as those that failed, a row of "n/a".
    """
    by_arm: dict[str, list[Summary]] = {}
    for row in summary:
        by_arm.setdefault(row.arm, []).append(row)
    controls = {control_name(state) for state in manifest.arms.values()}
    rows = [
        printed
        for arm, state in manifest.arms.items()
        for printed in (
            [_row(row, state, controls) for row in by_arm.get(arm, [])]
            or ([_empty_row(arm, state)] if every_arm else [])
        )
    ]
    return SummaryTable(tuple(rows), confidence_of(manifest), caveat_of(manifest))


def _row(row: Summary, state: ArmState, controls: Container[str]) -> TableRow:
    control = row.control if row.control not in (None, "none") else control_name(state)
    is_control = row.verdict is not None and not control and row.arm in controls
    label, reason = (CONTROL, "") if is_control else _verdict(row.verdict, state)
    return TableRow(
        arm=row.arm,
        role=state.role,
        probe=row.probe,
        metric=row.metric,
        seeds=str(row.n_seeds),
        mean=estimate(row.mean, row.ci_low, row.ci_high),
        control=control or "",
        contrast=estimate(row.contrast, row.contrast_ci_low, row.contrast_ci_high, signed=True)
        if control
        else "",
        verdict=label,
        reason=reason,
    )


def _empty_row(arm: str, state: ArmState) -> TableRow:
    label, reason = _verdict(None, state)
    control = control_name(state)
    return TableRow(
        arm=arm,
        role=state.role,
        probe=MISSING,
        metric=MISSING,
        seeds="0",
        mean=MISSING,
        control=control,
        contrast=MISSING if control else "",
        verdict=label,
        reason=reason,
    )


def _verdict(verdict: str | None, state: ArmState) -> tuple[str, str]:
    if verdict is not None:
        return split_verdict(verdict)
    return ("", "") if state.state == "done" else (state.state, state.reason or "")
