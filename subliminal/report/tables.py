"""The summary table as data, and in the three forms it is shown in: terminal, Markdown, HTML."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

from subliminal.report.labels import MISSING, estimate, percent
from subliminal.report.run_folder import confidence_of
from subliminal.results import ArmState, Manifest, Summary

_VERDICT_STYLES = {
    "transfer": "bold green",
    "no transfer": "bold",
    "not testable": "yellow",
    "incomplete": "yellow",
    "failed": "bold red",
}


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


@dataclass(frozen=True)
class SummaryTable:
    """The summary of a run: a row for each arm, probe and metric."""

    rows: tuple[TableRow, ...]
    confidence: float

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


def summary_table(
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
    rows = [
        printed
        for arm, state in manifest.arms.items()
        for printed in (
            [_row(row, state) for row in by_arm.get(arm, [])]
            or ([_empty_row(arm, state)] if every_arm else [])
        )
    ]
    return SummaryTable(tuple(rows), confidence_of(manifest))


def rich_table(table: SummaryTable, *, title: str | None = None) -> Table:
    """The table for a terminal of 80 columns or more.

    Names hold brackets, so every cell is text and never markup.
    """
    interval = f"[{percent(table.confidence)} interval]"
    printed = Table(title=None if title is None else Text(title), box=box.SIMPLE_HEAD)
    printed.add_column("arm", min_width=10, overflow="fold")
    for field in ("probe", "metric"):
        if field in table.columns():
            printed.add_column(field, overflow="fold")
    printed.add_column("seeds", justify="right", no_wrap=True)
    printed.add_column(Text(f"mean\n{interval}"), min_width=15)
    printed.add_column(Text(f"difference\n{interval}"), min_width=16, overflow="fold")
    printed.add_column("verdict", min_width=12, overflow="fold")
    for row in table.rows:
        printed.add_row(*_terminal_cells(row, table.columns()))
    return printed


def _terminal_cells(row: TableRow, columns: Collection[str]) -> list[Text]:
    contrast = Text(_two_lines(row.contrast))
    if row.control:
        contrast.append(f"\nfrom {row.control}", style="dim")
    verdict = Text(row.verdict, style=_VERDICT_STYLES.get(row.verdict, ""))
    if row.reason:
        verdict.append(f"\n{row.reason}", style="not bold dim default")
    return [
        Text(row.arm),
        *(Text(getattr(row, field)) for field in ("probe", "metric") if field in columns),
        Text(row.seeds),
        Text(_two_lines(row.mean)),
        contrast,
        verdict,
    ]


def _two_lines(text: str) -> str:
    """An estimate above its interval, which keeps the column narrow."""
    return text.replace(" [", "\n[", 1)


def markdown_table(table: SummaryTable) -> str:
    """The table as GitHub-flavoured Markdown, without the reasons; ends in a newline."""
    columns = {
        field: heading
        for field, heading in table.columns().items()
        if field not in ("role", "reason")
    }
    rules = ["---:" if field == "seeds" else "---" for field in columns]
    rows = [[_markdown(field, getattr(row, field)) for field in columns] for row in table.rows]
    lines = [list(columns.values()), rules, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def split_verdict(verdict: str) -> tuple[str, str]:
    """Label and reason of a verdict written as "label: reason"."""
    label, _, reason = verdict.partition(": ")
    return label, reason


def control_name(state: ArmState) -> str:
    """The control of an arm; empty if it has none."""
    return "" if state.control in (None, "none") else str(state.control)


def _row(row: Summary, state: ArmState) -> TableRow:
    control = row.control if row.control not in (None, "none") else control_name(state)
    label, reason = _verdict(row.verdict, state)
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


_MARKDOWN_ESCAPES: Mapping[int, str] = str.maketrans(
    {**{mark: f"\\{mark}" for mark in "\\`*_[]|"}, "<": "&lt;", "&": "&amp;", "\n": " "}
)


def _markdown(field: str, text: str) -> str:
    if field in ("mean", "contrast", "seeds"):
        return text
    return text.translate(_MARKDOWN_ESCAPES)
