"""The summary table of a run, and the forms it is printed in: terminal and Markdown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from subliminal.report.arm_table import arm_table
from subliminal.report.labels import percent
from subliminal.report.language.table import group_table
from subliminal.report.language.variants import sweeps_traits
from subliminal.report.table_rows import SummaryTable, TableRow
from subliminal.results import Manifest, Summary

_VERDICT_STYLES = {
    "transfer": "bold green",
    "no transfer": "bold",
    "not testable": "yellow",
    "incomplete": "yellow",
    "failed": "bold red",
}

_MARKDOWN_ESCAPES: Mapping[int, str] = str.maketrans(
    {**{mark: f"\\{mark}" for mark in "\\`*_[]|"}, "<": "&lt;", "&": "&amp;", "\n": " "}
)


def summary_table(
    manifest: Manifest, summary: Sequence[Summary], *, every_arm: bool = True
) -> SummaryTable:
    """Put a run's summary into printable rows, in the order of the run's arms.

    A run that sweeps over traits gets a row for each group of arms, any other one for each arm.

    Args:
        manifest: The run.
        summary: Estimates, contrasts and verdicts.
        every_arm: Give arms without a summary row, as those that failed, a row of "n/a".
    """
    by_trait = sweeps_traits(manifest.arms)
    return (group_table if by_trait else arm_table)(manifest, summary, every_arm=every_arm)


def rich_table(table: SummaryTable, *, title: str | None = None) -> Table:
    """The table for a terminal of 80 columns or more.

    Names hold brackets, so every cell is text and never markup.
    """
    interval = f"[{percent(table.confidence)} interval]"
    printed = Table(
        title=None if title is None else Text(title),
        caption=Text(table.note) if table.note else None,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
    )
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
    verdict = Text(row.verdict, style=_VERDICT_STYLES.get(row.outcome, ""))
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
    """The table as GitHub-flavoured Markdown, with its note, without the reasons."""
    columns = {
        field: heading
        for field, heading in table.columns().items()
        if field not in ("role", "reason")
    }
    rules = ["---:" if field == "seeds" else "---" for field in columns]
    rows = [[_markdown(field, getattr(row, field)) for field in columns] for row in table.rows]
    lines = [list(columns.values()), rules, *rows]
    note = f"\n{table.note.translate(_MARKDOWN_ESCAPES)}\n" if table.note else ""
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + note


def _markdown(field: str, text: str) -> str:
    if field in ("mean", "contrast", "seeds"):
        return text
    return text.translate(_MARKDOWN_ESCAPES)
