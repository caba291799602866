"""A finished run folder, read whole and checked to hang together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from subliminal.errors import UserError
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
from subliminal.spec import Statistics


@dataclass(frozen=True)
class RunFolder:
    """What a run left behind, in memory."""

    manifest: Manifest
    results: list[Result]
    curves: list[CurvePoint]
    summary: list[Summary]
    experiment: str
    """Text of the resolved experiment YAML."""


def read_run(run: Path) -> RunFolder:
    """Read a run folder.

    Args:
        run: The folder; `curves.jsonl` may be missing, as a run without students has none.

    Raises:
        UserError: A file is missing or damaged, or has rows of an arm the manifest lacks.
    """
    curves = run / CURVES
    data = RunFolder(
        manifest=read_manifest(run / MANIFEST),
        results=read_rows(run / RESULTS, Result),
        curves=read_rows(curves, CurvePoint) if curves.exists() else [],
        summary=read_summary(run / SUMMARY),
        experiment=read_text(run / EXPERIMENT),
    )
    _check_arms(run / RESULTS, data.manifest, (row.arm for row in data.results))
    _check_arms(curves, data.manifest, (row.arm for row in data.curves))
    _check_arms(run / SUMMARY, data.manifest, (row.arm for row in data.summary))
    return data


def confidence_of(manifest: Manifest) -> float:
    """Confidence of the run's intervals; the default of experiments where it is not recorded."""
    return float(manifest.statistics.get("confidence", Statistics().confidence))


def _check_arms(path: Path, manifest: Manifest, arms: Iterable[str]) -> None:
    for arm in arms:
        if arm not in manifest.arms:
            raise UserError(
                f"{path}: arm {arm!r} is not in {MANIFEST}; run the experiment again to rewrite it"
            )
