"""The command that runs a filter over a file of rows."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from filters import compile_filter
from filters.pipeline import FilterSummary, Outputs, filter_rows
from subliminal.errors import UserError
from subliminal.judges.errors import JudgeErrors, judge_errors
from subliminal.spec_file.faults import one_line
from subliminal.terminal import STOPPED, console

EXAMPLES = """Examples:

subliminal filter numbers --in rows.jsonl --out kept.jsonl --rejects rejects.jsonl

subliminal filter numbers:banned=published-36 words:owl,leetspeak=true --in rows.jsonl.gz
--out kept.jsonl.gz --rejects rejects.jsonl --malformed aside --aside malformed.jsonl

subliminal filter numbers --in hub:OWNER/NAME --dry-run
"""


def filter_command(
    rules: Annotated[
        list[str],
        typer.Argument(metavar="RULES...", help="Such as numbers, numbers:max_count=5, words:owl."),
    ],
    source: Annotated[
        str,
        typer.Option(
            "--in",
            metavar="SOURCE",
            help="JSON lines (also gzipped; - for standard input), .parquet, a saved data set's "
            "folder, or hub:OWNER/NAME.",
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Kept rows, unchanged; - for standard output."),
    ] = None,
    rejects: Annotated[
        str | None, typer.Option(metavar="FILE", help="Rejected rows, with their reasons.")
    ] = None,
    malformed: Annotated[
        Literal["stop", "aside"], typer.Option(help="What to do with lines that are no rows.")
    ] = "stop",
    aside: Annotated[
        str | None, typer.Option(metavar="FILE", help="Malformed lines, with number and reason.")
    ] = None,
    histogram: Annotated[
        str | None, typer.Option(metavar="FILE", help="Counts of rows and reasons, as JSON.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
) -> None:
    """Keep the rows that pass every rule; write the others with all their reasons."""
    row_filter = compile_filter(rules, where="RULES")
    outputs = None
    if not dry_run:
        if out is None or rejects is None:
            missing = "--out" if out is None else "--rejects"
            raise UserError(
                f"{missing}: is missing; add {missing} FILE, or --dry-run to only count"
            )
        outputs = Outputs(out, rejects, aside, histogram)
    # What goes to standard output must be rows alone.
    told = Console(stderr=True) if "-" in (out, rejects, aside, histogram) else console
    try:
        with RowProgress(told) as progress:
            summary = filter_rows(
                row_filter, source, outputs, malformed=malformed, on_progress=progress
            )
    except KeyboardInterrupt:
        told.print("\nstopped; nothing was written")
        raise typer.Exit(STOPPED) from None
    told.print(filter_table(summary))
    for judge in judge_errors(summary.records):
        told.print(judge_table(judge))
    if len(summary.layouts) > 1:
        layouts = "; ".join(f"{count:,} have {names}" for names, count in summary.layouts.items())
        told.print(Text(f"rows differ in their fields: {one_line(layouts)}"), soft_wrap=True)
    told.print(Text(f"filter {summary.fingerprint}"), soft_wrap=True)


class RowProgress:
    """A bar for work that goes through rows; nothing where there is no terminal."""

    def __init__(self, console: Console) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[rows]:,} rows"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("filtering", total=None, rows=0)

    def __enter__(self) -> RowProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, rows: int, share: float | None) -> None:
        """Show how many rows are done and, if known, the share of all."""
        total = None if share is None else 1.0
        self._bar.update(self._task, total=total, completed=share, rows=rows)


def filter_table(summary: FilterSummary) -> Table:
    """What became of the rows, and why rows were rejected; a row may have several reasons."""
    table = Table("", "rows", "share", box=box.SIMPLE_HEAD)
    counts = {"read": summary.rows, "kept": summary.kept, "rejected": summary.rejected}
    counts |= {f"  {reason}": count for reason, count in summary.reasons.items()}
    counts["malformed"] = summary.malformed
    for name, count in counts.items():
        share = f"{count / summary.rows:.1%}" if summary.rows else "-"
        table.add_row(Text(name), f"{count:,}", share)
    return table


def judge_table(judge: JudgeErrors) -> Table:
    """From which score on a judge rejects rows, and how often it errs."""
    cells = iter(judge.cells().items())
    table = Table(box=box.SIMPLE_HEAD)
    for heading in next(cells):
        table.add_column(Text(heading))
    for name, cell in cells:
        table.add_row(name, Text(cell))
    return table
