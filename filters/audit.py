"""How many leaks of each kind a filter catches, and how many clean rows it rejects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

from filters.filter import Filter
from filters.leaks import LEAK_KINDS, Label, LabelledRow, SeenBy
from filters.rows import Row, RowError, names_in, parse_row, provenance
from filters.sources import open_source
from subliminal.errors import UserError
from subliminal.spec_file.faults import shown
from subliminal.stats import Interval, wilson_interval

ROWS_AT_ONCE = 256
LABELS: tuple[Label, ...] = ("clean", "leak")
UNNAMED = "unnamed"


@dataclass(frozen=True)
class Audited:
    """A labelled row and what a filter says about it.

    Attributes:
        labelled: The row.
        reasons: Against a clean row, all; against a leak, those that the row without the leak
            does not have.
        for_content: Whether one of them is about what the row says, not about its form.
    """

    labelled: LabelledRow
    reasons: tuple[str, ...]
    for_content: bool


@dataclass(frozen=True)
class KindResult:
    """What a filter made of the rows of a kind.

    Attributes:
        label: Whether they leak.
        kind: The kind.
        rows: How many there were.
        hits: Of leaks, those that were caught; of clean rows, those that were rejected.
        for_content: Those of the hits that a rule that reads the content is against; against the
            others are only rules of form.
        seen_by: What can see the leak; a kind that is not generated is taken for visible.
    """

    label: Label
    kind: str
    rows: int
    hits: int
    for_content: int
    seen_by: SeenBy = "a rule"

    @property
    def rate(self) -> Interval:
        """Recall or false positives, with Wilson's 95 % limits."""
        return wilson_interval(self.hits, self.rows)


@dataclass(frozen=True)
class Audit:
    """The kinds in the order in which they occurred."""

    kinds: tuple[KindResult, ...]

    def leaks(self, seen_by: SeenBy) -> tuple[KindResult, ...]:
        """The kinds of leaks that these can see."""
        return tuple(k for k in self.kinds if k.label == "leak" and k.seen_by == seen_by)

    def clean(self) -> tuple[KindResult, ...]:
        """The kinds of clean rows."""
        return tuple(kind for kind in self.kinds if kind.label == "clean")

    def shortfalls(self, recall: float | None, false_positives: float | None) -> list[str]:
        """Which kinds miss what is required, one sentence each.

        Args:
            recall: Least share of each kind of leak that a rule can see; None for any.
            false_positives: Largest share of each kind of clean rows; None for any.
        """
        missed = []
        if recall is not None:
            missed += [
                f"{kind.kind}: recall {kind.rate.estimate:.2%} is below {recall:.2%}"
                for kind in self.leaks("a rule")
                if kind.rate.estimate < recall
            ]
        if false_positives is not None:
            missed += [
                f"{kind.kind}: false positives {kind.rate.estimate:.2%} are above "
                f"{false_positives:.2%}"
                for kind in self.clean()
                if kind.rate.estimate > false_positives
            ]
        return missed

    def as_data(self) -> list[dict[str, Any]]:
        """Plain data, one mapping for each kind."""
        return [
            {
                "label": kind.label,
                "kind": kind.kind,
                **({"seen_by": kind.seen_by} if kind.label == "leak" else {}),
                "rows": kind.rows,
                "caught" if kind.label == "leak" else "rejected": kind.hits,
                "for_content": kind.for_content,
                "rate": kind.rate.estimate,
                "low": kind.rate.low,
                "high": kind.rate.high,
            }
            for kind in self.kinds
        ]


def audit(
    row_filter: Filter,
    rows: Iterable[LabelledRow],
    on_row: Callable[[Audited], None] | None = None,
) -> Audit:
    """Try a filter on labelled rows.

    A leak counts as caught if the filter has a reason against it that it does not have against the
    row without the leak; where that row is not known, any reason counts.

    Args:
        row_filter: What is tried.
        rows: Read once; few are in memory at a time.
        on_row: Told of each row, in order.
    """
    counts: dict[tuple[Label, str], list[int]] = {}
    for audited in _audited(row_filter, rows):
        labelled = audited.labelled
        count = counts.setdefault((labelled.label, labelled.kind), [0, 0, 0])
        count[0] += 1
        count[1] += bool(audited.reasons)
        count[2] += audited.for_content
        if on_row is not None:
            on_row(audited)
    return Audit(
        tuple(
            KindResult(label, kind, total, hits, for_content, _seen_by(label, kind))
            for (label, kind), (total, hits, for_content) in counts.items()
        )
    )


def _seen_by(label: Label, kind: str) -> SeenBy:
    return LEAK_KINDS[kind].seen_by if label == "leak" and kind in LEAK_KINDS else "a rule"


def _audited(row_filter: Filter, rows: Iterable[LabelledRow]) -> Iterator[Audited]:
    waiting = iter(rows)
    while batch := list(islice(waiting, ROWS_AT_ONCE)):
        found = row_filter.findings_of([labelled.row for labelled in batch])
        originals = [each.original for each in batch if each.original is not None]
        before = iter(row_filter.findings_of(originals))
        for labelled, findings in zip(batch, found, strict=True):
            had = {} if labelled.original is None else next(before)
            new = {why: rule for why, rule in findings.items() if why not in had}
            for_content = any(rule.reads_content for rule in new.values())
            yield Audited(labelled, tuple(new), for_content)


def read_labelled(source: str) -> Iterator[LabelledRow]:
    """Read rows that were labelled by others.

    Args:
        source: See :func:`filters.sources.open_source`. Each row has `label` (`clean` or `leak`)
            and may have `kind` and, of a leak, `original`: the completion without it.

    Raises:
        UserError: The source cannot be read, or a line is no labelled row.
    """
    with closing(open_source(source)) as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield _labelled(parse_row(line))
            except RowError as error:
                raise UserError(f"{lines.name}:{number}: {error}") from error


def _labelled(row: Row) -> LabelledRow:
    if "label" not in row:
        raise RowError(f"label: is missing; the row has {names_in(row)}; write clean or leak")
    label, kind, original = (provenance(row, name) for name in ("label", "kind", "original"))
    for known in LABELS:
        if label == known:
            return LabelledRow(
                known, _text("kind", kind) or UNNAMED, row, _with_answer(row, original)
            )
    raise RowError(f"label: must be clean or leak, not {shown(label)}; say which the row is")


def _text(field: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise RowError(f"{field}: must be text, not {shown(value)}; write text or leave it out")


def _with_answer(row: Row, original: object) -> Row | None:
    answer = _text("original", original)
    if answer is None:
        return None
    *before, last = row["messages"]
    return cast(Row, {**row, "messages": [*before, {**last, "content": answer}]})
