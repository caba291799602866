"""The command that tries a filter on labelled rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic_core import to_json
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from filters import compile_filter
from filters.clean_rows import CARRIERS, CarrierName
from filters.leaks import LabelledRow, labelled_rows
from filters.outputs import Output, commit_all, refuse_shared_places
from filters.rows import completion
from filters.sources import STANDARD_STREAM
from subliminal.errors import UserError
from subliminal.spec_file.faults import one_line
from subliminal.terminal import STOPPED, console
from teachers.trait import load_trait

if TYPE_CHECKING:
    from filters.audit import Audit, Audited, KindResult

EXAMPLES = """Examples:

subliminal audit-filter words:owl,leetspeak=true encoded-words:owl --words owl

subliminal audit-filter numbers encoded-words:traits=owl --trait owl --carrier numbers --rows 1000
--require-recall .99 --require-false-positives .005

subliminal audit-filter words:owl --in labelled.jsonl --out audit.jsonl
"""

FALLS_SHORT = 1
"""Exit code where the filter does not reach what is required of it."""


def audit_command(
    rules: Annotated[
        list[str],
        typer.Argument(metavar="RULES...", help="Of the filter, as in `subliminal filter`."),
    ],
    words: Annotated[
        str | None, typer.Option(metavar="WORD,...", help="What leaks in the rows made here.")
    ] = None,
    traits: Annotated[
        list[str] | None,
        typer.Option("--trait", metavar="CARD", help="Its `reveals` leak; may be repeated."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--in",
            metavar="SOURCE",
            help="Rows of yours, with `label` (clean or leak) and `kind`, in place of made ones.",
        ),
    ] = None,
    carrier: Annotated[
        CarrierName | None, typer.Option(help="Whose rows are made. Default: all.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows made of each kind.")] = 300,
    seed: Annotated[int, typer.Option(help="Equal seeds make equal rows.")] = 0,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Every row with its label, kind and new reasons."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
    recall: Annotated[
        float | None,
        typer.Option(
            "--require-recall",
            min=0,
            max=1,
            help="Fail (exit code 1) if less of a kind that a rule can see is caught.",
        ),
    ] = None,
    false_positives: Annotated[
        float | None,
        typer.Option(
            "--require-false-positives",
            min=0,
            max=1,
            help="Fail (exit code 1) if more of a kind of clean rows is rejected.",
        ),
    ] = None,
) -> None:
    """Count the leaks that a filter catches, and the clean rows that it rejects, by kind."""
    from filters.audit import audit

    row_filter = compile_filter(rules, where="RULES")
    labelled = _labelled(source, words, traits or [], carrier, rows, seed)
    told = Console(stderr=True) if out == STANDARD_STREAM else console
    try:
        with _rows_written(source, out) as write:
            done = audit(row_filter, labelled, write)
    except KeyboardInterrupt:
        told.print("\nstopped; nothing was written")
        raise typer.Exit(STOPPED) from None
    if not done.kinds:
        raise UserError(f"--in {source}: holds no rows; give labelled rows")
    shortfalls = done.shortfalls(recall, false_positives)
    if as_json:
        data = {"filter": row_filter.fingerprint, "kinds": done.as_data(), "short": shortfalls}
        told.print_json(json.dumps(data), indent=1)
    else:
        _print_audit(told, done)
        for shortfall in shortfalls:
            told.print(Text(f"short: {one_line(shortfall)}"), soft_wrap=True)
        told.print(Text(f"filter {row_filter.fingerprint}"), soft_wrap=True)
    if shortfalls:
        raise typer.Exit(FALLS_SHORT)


def _labelled(
    source: str | None,
    words: str | None,
    traits: list[str],
    carrier: CarrierName | None,
    rows: int,
    seed: int,
) -> Iterator[LabelledRow]:
    """The rows to try: the user's own, or made ones."""
    from filters.audit import read_labelled

    if source is not None:
        if words or traits or carrier:
            raise UserError("--in: its rows have their own leaks; drop --words, --trait, --carrier")
        return read_labelled(source)
    listed = [word for word in (words or "").split(",") if word.strip()]
    listed += [word for trait in traits for word in load_trait(trait).reveals]
    if not listed:
        raise UserError("--words: is missing; add --words owl,otter, --trait owl, or --in FILE")
    carriers = CARRIERS if carrier is None else (carrier,)
    return labelled_rows(listed, rows, seed=seed, carriers=carriers)


@contextmanager
def _rows_written(source: str | None, out: str | None) -> Iterator[Callable[[Audited], None]]:
    """What takes each row; the file is there once all have been taken."""
    if out is None:
        yield lambda audited: None
        return
    if source is not None:
        refuse_shared_places(source, {"--out": out})
    with Output(out) as output:
        yield lambda audited: output.write(_line(audited))
        commit_all([output])


def _line(audited: Audited) -> bytes:
    labelled = audited.labelled
    fields: dict[str, Any] = {**labelled.row, "label": labelled.label, "kind": labelled.kind}
    if labelled.original is not None:
        fields["original"] = completion(labelled.original)
    return to_json({**fields, "reasons": audited.reasons}) + b"\n"


def _print_audit(told: Console, done: Audit) -> None:
    """A table for each group of kinds that is not empty."""
    leaks = ("caught", "recall")
    on_request = done.leaks("a rule on request")
    groups = (
        ("leaks that word rules can see", leaks, done.leaks("a rule")),
        ("leaks that word rules see when told to", leaks, on_request),
        ("leaks that no word rule can see", leaks, done.leaks("no rule")),
        ("clean rows", ("rejected", "false positives"), done.clean()),
    )
    for title, columns, kinds in groups:
        if kinds:
            told.print(_kinds_table(title, columns, kinds))


def _kinds_table(title: str, columns: tuple[str, str], kinds: Iterable[KindResult]) -> Table:
    table = Table(title, box=box.SIMPLE_HEAD)
    for column in ("rows", *columns, "95 % interval", "by content"):
        table.add_column(column, no_wrap=True)
    for kind in kinds:
        rate = kind.rate
        shares = (f"{rate.estimate:.2%}", f"{rate.low:.2%} to {rate.high:.2%}")
        counts = (f"{kind.rows:,}", f"{kind.hits:,}")
        table.add_row(Text(one_line(kind.kind)), *counts, *shares, f"{kind.for_content:,}")
    return table
