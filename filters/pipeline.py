"""Rows through a filter, from any source to files, in constant memory.

Kept rows are written byte for byte as they were read; rejected rows with all their reasons;
malformed lines stop the work or are set aside. Nothing is dropped in silence.

Lines are read in bytes and parsed by pydantic-core. The library jsonlines would do that too, but
keeps no bytes of the lines that are well-formed, and costs 0.4 us a line more than the parsing.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pydantic_core import to_json

from filters.filter import Filter
from filters.outputs import Output, commit_all, refuse_shared_places
from filters.rows import Row, RowError, parse_row
from filters.sources import Source, open_source
from subliminal.errors import UserError
from subliminal.spec_file.faults import shown

Malformed = Literal["stop", "aside"]
OnProgress = Callable[[int, float | None], None]
"""Called now and then with the rows read so far and the share of the source, if known."""
_Waiting = tuple[int, bytes, Row]
"""A row that is yet to be written, behind its line and the line's number."""
_RowWriter = Callable[[_Waiting, list[str]], None]

ROWS_BETWEEN_REPORTS = 4096
MAX_LAYOUTS = 16
OTHER_LAYOUTS = "others"
REASONS, REJECTED_FROM = "reasons", "rejected_from"


@dataclass(frozen=True)
class Outputs:
    """Where the results go: paths, gzipped if they end with `.gz`, or `-`."""

    kept: str
    """Rows without a reason against them, unchanged."""
    rejects: str
    """The others, with `reasons` and `rejected_from` (source and line) added."""
    aside: str | None = None
    """Malformed lines, with the line's number and what is wrong."""
    histogram: str | None = None
    """The summary, as JSON."""

    def named(self) -> dict[str, str]:
        """Option of the command -> name, of those that are given."""
        names = {
            "--out": self.kept,
            "--rejects": self.rejects,
            "--aside": self.aside,
            "--histogram": self.histogram,
        }
        return {option: name for option, name in names.items() if name is not None}


@dataclass(frozen=True)
class FilterSummary:
    """What became of the rows."""

    source: str
    fingerprint: str
    """Of the filter; equal on every arm that went through the same one."""
    rules: list[dict[str, Any]]
    rows: int
    """Lines read: kept, rejected and malformed together."""
    kept: int
    rejected: int
    malformed: int
    reasons: dict[str, int]
    """Reason -> rows rejected for it, the most frequent first; a row may have several."""
    layouts: dict[str, int]
    """Names of the fields -> rows that have just these; more than one where schemas are mixed."""
    records: list[dict[str, Any]]
    """What each batch rule tells of its work: a judge's calibration and what it cost."""


def filter_rows(
    row_filter: Filter,
    source: str,
    outputs: Outputs | None,
    *,
    malformed: Malformed = "stop",
    on_progress: OnProgress | None = None,
) -> FilterSummary:
    """Send every row of a source through a filter.

    Memory holds one row at a time (of a `datasets` source and for batch rules, one batch). The
    outputs appear when all rows have been read, or not at all.

    Args:
        row_filter: What decides.
        source: See :func:`filters.sources.open_source`.
        outputs: Where the results go; None only counts.
        malformed: Whether a line that is no row stops the work or is set aside.
        on_progress: Called every few thousand rows.

    Raises:
        UserError: The source or an output fails, a line is malformed and `malformed` is `stop`,
            an output is another file's place, or lines are to be set aside nowhere.
    """
    _check_places(source, outputs, malformed)
    with ExitStack() as stack:
        rows = stack.enter_context(closing(open_source(source)))
        opened = {
            option: stack.enter_context(Output(name))
            for option, name in (outputs.named() if outputs else {}).items()
        }
        work = _Work(row_filter, rows, opened, malformed)
        summary = work.run(on_progress)
        if "--histogram" in opened:
            opened["--histogram"].write(to_json(asdict(summary), indent=1) + b"\n")
        commit_all(opened.values())
    return summary


def _check_places(source: str, outputs: Outputs | None, malformed: Malformed) -> None:
    if outputs is None:
        return
    refuse_shared_places(source, outputs.named())
    if malformed == "aside" and outputs.aside is None:
        raise UserError("--malformed aside: needs a file for these lines; add --aside FILE")
    if malformed == "stop" and outputs.aside is not None:
        raise UserError("--aside: is only written with --malformed aside; add it or drop --aside")


def _nowhere(line: bytes) -> None:
    """Take a line of a dry run."""


@dataclass
class _Work:
    """One pass over a source, and what it has counted so far."""

    row_filter: Filter
    source: Source
    outputs: dict[str, Output]
    malformed: Malformed
    kept: int = 0
    rejected: int = 0
    broken: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    layouts: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def run(self, on_progress: OnProgress | None) -> FilterSummary:
        """Read all rows."""
        at_once, reasons_of = self.row_filter.rows_at_once, self.row_filter.reasons
        write = self._row_writer()
        waiting: list[_Waiting] = []
        number = 0
        for number, line in enumerate(self.source, 1):
            try:
                row = parse_row(line)
            except RowError as error:
                self._set_aside(number, line, error)
                continue
            self._count_layout(tuple(row))
            if at_once == 1:
                write((number, line, row), reasons_of(row))
            else:
                waiting.append((number, line, row))
                if len(waiting) == at_once:
                    self._decide(waiting, write)
                    waiting = []
            if on_progress is not None and number % ROWS_BETWEEN_REPORTS == 0:
                on_progress(number, self.source.share_read())
        self._decide(waiting, write)
        if on_progress is not None:
            on_progress(number, 1.0)
        return self._summary(number)

    def _decide(self, waiting: Sequence[_Waiting], write: _RowWriter) -> None:
        found = self.row_filter.reasons_of([row for _, _, row in waiting])
        for each, reasons in zip(waiting, found, strict=True):
            write(each, reasons)

    def _row_writer(self) -> _RowWriter:
        """What counts rows and writes each to where it belongs."""
        keep, reject = self._writer("--out"), self._writer("--rejects")
        name = self.source.name

        def write(waiting: _Waiting, reasons: list[str]) -> None:
            number, line, row = waiting
            if reasons:
                self.rejected += 1
                self.reasons.update(reasons)
                reject(_rejected(line, row, reasons, {"source": name, "line": number}))
            else:
                self.kept += 1
                keep(line if line.endswith(b"\n") else line + b"\n")

        return write

    def _writer(self, option: str) -> Callable[[bytes], None]:
        return self.outputs[option].write if option in self.outputs else _nowhere

    def _count_layout(self, layout: tuple[str, ...]) -> None:
        if layout not in self.layouts and len(self.layouts) >= MAX_LAYOUTS:
            layout = (OTHER_LAYOUTS,)
        self.layouts[layout] += 1

    def _set_aside(self, number: int, line: bytes, error: RowError) -> None:
        if self.malformed == "stop":
            raise UserError(f"{self.source.name}:{number}: {error}{self._before()}") from error
        self.broken += 1
        told = {"source": self.source.name, "line": number, "reason": str(error)}
        self._writer("--aside")(to_json(told | _text_of(line)) + b"\n")

    def _before(self) -> str:
        """What the rows before a malformed one looked like, where they looked otherwise."""
        if not self.layouts:
            return ""
        (layout, count), *_ = self.layouts.most_common(1)
        return f"; of the rows before it {count} have {', '.join(map(shown, layout))}"

    def _summary(self, rows: int) -> FilterSummary:
        layouts: Counter[str] = Counter()
        for names, count in self.layouts.items():
            layouts[", ".join(sorted(names))] += count
        return FilterSummary(
            source=self.source.name,
            fingerprint=self.row_filter.fingerprint,
            rules=self.row_filter.described(),
            rows=rows,
            kept=self.kept,
            rejected=self.rejected,
            malformed=self.broken,
            reasons=dict(self.reasons.most_common()),
            layouts=dict(layouts.most_common()),
            records=self.row_filter.records(),
        )


def _rejected(line: bytes, row: Row, reasons: list[str], origin: dict[str, object]) -> bytes:
    """The row with its reasons and its origin behind its own fields, which stay byte for byte."""
    added = {REASONS: reasons, REJECTED_FROM: origin}
    if not added.keys().isdisjoint(row):
        # It was rejected before: a name may not stand in a row twice.
        return to_json({**row, **added}, inf_nan_mode="constants") + b"\n"
    return line.rstrip()[:-1] + b"," + to_json(added)[1:] + b"\n"


def _text_of(line: bytes) -> dict[str, str]:
    """A malformed line as text, or in base64 where it is none; nothing of it is lost."""
    try:
        return {"text": line.decode("utf-8").removesuffix("\n")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(line).decode("ascii")}
