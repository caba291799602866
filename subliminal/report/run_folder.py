"""A finished run folder, read whole and checked to hang together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from subliminal.errors import UserError
from subliminal.examples import (
    EXAMPLES,
    FILTER,
    Example,
    FilterCount,
    read_examples,
    read_filter_counts,
)
from subliminal.results import (
    CURVES,
    EXPERIMENT,
    MANIFEST,
    RESULTS,
    SUMMARY,
    CurvePoint,
    Manifest,
    Result,
    Summary,
    read_manifest,
    read_rows,
    read_summary,
    read_text,
)
from subliminal.spec import CONFIDENCE


@dataclass(frozen=True)
class RunFolder:
    """What a run left behind, in memory."""

    manifest: Manifest
    results: list[Result]
    curves: list[CurvePoint]
    summary: list[Summary]
    experiment: str
    """Text of the resolved experiment YAML."""
    examples: list[Example]
    """Rows and answers to read; empty on MNIST, where nothing is written in words."""
    filtered: list[FilterCount]
    """What the filter did; empty on MNIST, which has no filter."""


def read_run(run: Path) -> RunFolder:
    """Read a run folder.

    Args:
        run: The folder; files that its kind of experiment does not make may be missing.

    Raises:
        UserError: A file is missing or damaged, or has rows of an arm the manifest lacks.
    """
    data = RunFolder(
        manifest=read_manifest(run / MANIFEST),
        results=read_rows(run / RESULTS, Result),
        curves=_if_there(run / CURVES, lambda path: read_rows(path, CurvePoint)),
        summary=read_summary(run / SUMMARY),
        experiment=read_text(run / EXPERIMENT),
        examples=_if_there(run / EXAMPLES, read_examples),
        filtered=_if_there(run / FILTER, read_filter_counts),
    )
    _check_arms(run / RESULTS, data.manifest, (row.arm for row in data.results))
    _check_arms(run / CURVES, data.manifest, (row.arm for row in data.curves))
    _check_arms(run / SUMMARY, data.manifest, (row.arm for row in data.summary))
    _check_arms(run / EXAMPLES, data.manifest, (row.arm for row in data.examples))
    _check_arms(run / FILTER, data.manifest, (row.arm for row in data.filtered))
    return data


def confidence_of(manifest: Manifest) -> float:
    """Confidence of the run's intervals; the default of experiments where it is not recorded."""
    return float(manifest.statistics.get("confidence", CONFIDENCE))


RowT = TypeVar("RowT")


def _if_there(path: Path, read: Callable[[Path], list[RowT]]) -> list[RowT]:
    return read(path) if path.exists() else []


def _check_arms(path: Path, manifest: Manifest, arms: Iterable[str]) -> None:
    for arm in arms:
        if arm not in manifest.arms:
            raise UserError(
                f"{path}: arm {arm!r} is not in {MANIFEST}; run the experiment again to rewrite it"
            )
