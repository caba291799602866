"""The files of a run folder and the rows in them: what the run writes and the report reads.

experiment.yaml   the resolved experiment
manifest.json     what ran, when, where, on which data; the state of every arm
results.jsonl     one row per arm x seed x probe x item group
curves.jsonl      the same measured while students learn: one row per step
summary.json      one row per arm x probe x metric: estimate, contrast with control, verdict
figures/          PNG and SVG
report.html       all of it on one page
"""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from subliminal.atomic import write_text
from subliminal.errors import UserError

EXPERIMENT, MANIFEST, RESULTS = "experiment.yaml", "manifest.json", "results.jsonl"
CURVES, SUMMARY, FIGURES, REPORT = "curves.jsonl", "summary.json", "figures", "report.html"

ALIGNMENT_METRICS = ("gradient_cosine", "displacement_cosine")
"""How distillation lies to the trait while a student learns: gradients, and ways gone."""

WHOLE = "all"
"""The item group that a probe's summary is about."""

JUDGED = ("accuracy", "log_odds")
"""The metrics whose contrasts are tested and get a verdict; a probe has one of them."""


class Record(BaseModel):
    """A row of plain data; NaN and infinity are written as null."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Result(Record):
    """One probe of one model: arm x seed x probe x item group."""

    arm: str
    seed: int
    probe: str
    metric: str
    item_group: str
    value: float | None
    n: int | None = None
    """Number of items behind the value; None where it is not a proportion."""
    ci_low: float | None = None
    """Wilson interval over the items within this seed; not an interval over seeds."""
    ci_high: float | None = None


class CurvePoint(Record):
    """One measurement while a student learns."""

    arm: str
    seed: int
    step: int
    metric: str
    item_group: str
    value: float | None


class Summary(Record):
    """One arm, probe and metric over its seeds, beside its control."""

    arm: str
    probe: str
    metric: str
    n_seeds: int
    mean: float | None
    ci_low: float | None
    ci_high: float | None
    per_seed: dict[int, float | None]
    control: str | None
    contrast: float | None
    contrast_ci_low: float | None
    contrast_ci_high: float | None
    verdict: str | None
    """None where there is nothing to judge (references, teachers), else label: reason."""


class TraitName(Record):
    """What tables call a trait, and where its measurements are."""

    name: str
    item_group: str
    """The answer that counts for it, among those that a probe tells apart."""


class ArmState(Record):
    """What an arm is and how it fared."""

    role: Literal["reference", "teacher", "student"]
    group: str
    """The arm's name before sweeps were spread; arms of one group form a sweep."""
    point: dict[str, Any]
    """Sweep path -> value, for example {"network.auxiliary": 10}; empty without a sweep."""
    control: str | None
    probed: TraitName | None = None
    """The trait that the arm is probed for; None where all items count."""
    taught: TraitName | None = None
    """The trait of its teacher; None where there is no teacher."""
    state: Literal["done", "failed", "incomplete"]
    reason: str | None = None


class MemoryShortage(Record):
    """Stages of a kind whose device ran out of memory, and that went on with less at once."""

    kind: str
    stages: int
    rows: int | None = None
    """At once, the fewest."""
    tokens: int | None = None
    """Of a training, likewise."""


class Manifest(Record):
    """What ran, on what and how it ended."""

    name: str
    description: str
    spec_hash: str
    command: str
    data: str
    """Human label of the data, printed in every output."""
    seeds: list[int]
    arms: dict[str, ArmState]
    scale: str = "full"
    """`tiny` for a run whose results mean nothing."""
    stages: dict[str, str]
    """Stage key -> state: computed, cached, failed, blocked, pending."""
    statistics: dict[str, Any]
    pinned: list[str] = []
    """Models from the hub, each by its name at its commit."""
    started: str
    finished: str | None
    wall_seconds: float
    spent: float | None = None
    """What the stages that this run finished cost at services, in the currency of their prices;
    None where nothing was asked of any, or prices are not known."""
    short_of_memory: list[MemoryShortage] = []
    """Among the stages that this run did."""
    versions: dict[str, str]
    machine: dict[str, Any]


RecordT = TypeVar("RecordT", bound=Record)


def write_rows(path: Path, rows: Iterable[Record]) -> None:
    """Write rows as JSON lines, atomically."""
    write_text(path, "".join(row.model_dump_json() + "\n" for row in rows))


def read_rows(path: Path, record: type[RecordT]) -> list[RecordT]:
    """Read JSON lines written by :func:`write_rows`.

    Raises:
        UserError: The file is missing or a line is not such a row; names file and line.
    """
    rows = []
    # Only newlines part rows: `splitlines` would also break at separators within a string.
    for number, line in enumerate(StringIO(read_text(path), newline="\n"), start=1):
        try:
            rows.append(record.model_validate_json(line))
        except ValidationError as error:
            raise UserError(
                f"{path}:{number}: not a {record.__name__} row ({_first(error)}); "
                "run the experiment again to rewrite it"
            ) from None
    return rows


def write_summary(path: Path, rows: list[Summary]) -> None:
    """Write the summary table as a JSON list, atomically."""
    write_text(path, TypeAdapter(list[Summary]).dump_json(rows, indent=1).decode() + "\n")


def read_summary(path: Path) -> list[Summary]:
    """Read `summary.json`; UserError if missing or damaged."""
    return _parse(path, TypeAdapter(list[Summary]))


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write `manifest.json`, atomically."""
    write_text(path, manifest.model_dump_json(indent=1) + "\n")


def read_manifest(path: Path) -> Manifest:
    """Read `manifest.json`; UserError if missing or damaged."""
    return _parse(path, TypeAdapter(Manifest))


def read_text(path: Path) -> str:
    """Read a file of a run folder; UserError if missing or no UTF-8 text."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; is this a run folder?") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); check the file") from None


ParsedT = TypeVar("ParsedT")


def _parse(path: Path, adapter: TypeAdapter[ParsedT]) -> ParsedT:
    try:
        return adapter.validate_json(read_text(path))
    except ValidationError as error:
        raise UserError(
            f"{path}: damaged ({_first(error)}); run the experiment again to rewrite it"
        ) from None


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
