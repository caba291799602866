"""What a run keeps for people to read: some of the rows and answers, and what the filter did.

examples.json   prompts with what was written: rows kept, rows rejected and why, probes' answers
filter.json     for each arm and seed: how many rows passed the filter, why others did not, and
                how often its judges err
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from subliminal.atomic import write_bytes
from subliminal.errors import UserError
from subliminal.results import Record, read_text

EXAMPLES, FILTER = "examples.json", "filter.json"

Count = Annotated[int, Field(ge=0)]


class Example(Record):
    """One prompt and what a model wrote after it. The text is the model's: never trust it."""

    arm: str
    seed: int
    kind: Literal["kept", "rejected", "answer"]
    """A teacher's row that passed the filter, one that did not, or an answer to a probe."""
    prompt: str
    completion: str
    reasons: tuple[str, ...] = ()
    """Why the filter rejected the row; empty for the other kinds."""
    probe: str | None = None
    """The probe that an answer was given to; None for rows."""

    @model_validator(mode="after")
    def _says_what_its_kind_asks_for(self) -> Self:
        if bool(self.reasons) != (self.kind == "rejected"):
            raise ValueError("rejected rows have reasons, and nothing else has")
        if (self.probe is not None) != (self.kind == "answer"):
            raise ValueError("answers name their probe, and nothing else does")
        return self


class FilterCount(Record):
    """What the filter did to the rows of one arm and seed."""

    arm: str
    seed: int
    rows: Count
    """Rows that the teacher wrote."""
    kept: Count
    rejected: Count
    reasons: dict[str, Count]
    """Reason -> rows that have it; a row may have several."""
    fingerprint: str
    """Of the filter's rules; equal for arms whose rows went through the same filter."""
    records: tuple[dict[str, Any], ...] = ()
    """What batch rules tell of their work: judges, their thresholds and errors."""

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        # Fewer where only some of the rows that passed were kept, at random.
        if self.kept + self.rejected > self.rows:
            raise ValueError(f"{self.kept} kept and {self.rejected} rejected of {self.rows} rows")
        return self


def write_examples(path: Path, examples: Sequence[Example]) -> None:
    """Write `examples.json`, atomically."""
    _write(path, TypeAdapter(list[Example]), examples)


def read_examples(path: Path) -> list[Example]:
    """Read `examples.json`; UserError if missing or damaged."""
    return _read(path, TypeAdapter(list[Example]))


def write_filter_counts(path: Path, counts: Sequence[FilterCount]) -> None:
    """Write `filter.json`, atomically."""
    _write(path, TypeAdapter(list[FilterCount]), counts)


def read_filter_counts(path: Path) -> list[FilterCount]:
    """Read `filter.json`; UserError if missing or damaged."""
    return _read(path, TypeAdapter(list[FilterCount]))


RecordT = TypeVar("RecordT", bound=Record)


def _write(path: Path, records: TypeAdapter[list[RecordT]], rows: Sequence[RecordT]) -> None:
    write_bytes(path, records.dump_json(list(rows), indent=1) + b"\n")


def _read(path: Path, records: TypeAdapter[list[RecordT]]) -> list[RecordT]:
    try:
        return records.validate_json(read_text(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise UserError(
            f"{path}: damaged ({where}: {first['msg']}); run the experiment again to rewrite it"
        ) from None
