"""Two runs side by side."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from subliminal.report.labels import estimate
from subliminal.results import MANIFEST, SUMMARY, Summary, read_manifest, read_summary

Cell = tuple[str, str, str]


def comparison_table(first: Path, second: Path) -> Table:
    """Every arm, probe and metric of two runs, with the difference of the means where both have it.

    Raises:
        UserError: One of the folders is not a run.
    """
    left, right = _rows(first), _rows(second)
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("arm", "probe", "metric", _title(first), _title(second), "difference"):
        table.add_column(Text(heading), overflow="fold")
    for cell in dict.fromkeys([*left, *right]):
        mine, theirs = left.get(cell), right.get(cell)
        texts = (*cell, _estimate(mine), _estimate(theirs), _difference(mine, theirs))
        table.add_row(*map(Text, texts))
    return table


def _rows(run: Path) -> dict[Cell, Summary]:
    return {(row.arm, row.probe, row.metric): row for row in read_summary(run / SUMMARY)}


def _title(run: Path) -> str:
    manifest = read_manifest(run / MANIFEST)
    return f"{run.name} ({len(manifest.seeds)} seeds; {manifest.data})"


def _estimate(row: Summary | None) -> str:
    return "-" if row is None else estimate(row.mean, row.ci_low, row.ci_high)


def _difference(mine: Summary | None, theirs: Summary | None) -> str:
    if mine is None or theirs is None or mine.mean is None or theirs.mean is None:
        return "-"
    return f"{theirs.mean - mine.mean:+.3f}"
