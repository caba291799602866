"""What stages leave for the table in their artifacts: measurements of a model, and curves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from subliminal import atomic
from subliminal.errors import UserError
from subliminal.results import Record

MEASUREMENTS, CURVE = "measurements.json", "curve.json"


class Measurement(Record):
    """One value of a model, over the items of a group."""

    probe: str
    metric: str
    item_group: str
    value: float | None
    n: int | None = None
    """Items behind the value, if it is a proportion of them."""


class Observed(Record):
    """One value at a step of training."""

    step: int
    metric: str
    item_group: str
    value: float | None


def write_measurements(folder: Path, rows: Iterable[Measurement]) -> None:
    """Write the measurements of a model into its probe's artifact."""
    data = TypeAdapter(list[Measurement]).dump_json(list(rows), indent=1)
    atomic.write_bytes(folder / MEASUREMENTS, data)


def read_measurements(folder: Path) -> list[Measurement]:
    """Read what :func:`write_measurements` wrote."""
    return _read(folder / MEASUREMENTS, TypeAdapter(list[Measurement]))


def write_curve(folder: Path, rows: Iterable[Observed]) -> None:
    """Write what was observed while a model learned."""
    data = TypeAdapter(list[Observed]).dump_json(list(rows), indent=1)
    atomic.write_bytes(folder / CURVE, data)


def read_curve(folder: Path) -> list[Observed]:
    """Read what :func:`write_curve` wrote."""
    return _read(folder / CURVE, TypeAdapter(list[Observed]))


RowT = TypeVar("RowT")


def _read(path: Path, rows: TypeAdapter[list[RowT]]) -> list[RowT]:
    try:
        return rows.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UserError(
            f"{path}: damaged since it was checked ({type(error).__name__}); run again"
        ) from None
