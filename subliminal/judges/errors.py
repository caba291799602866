"""A judge's threshold and errors in print, for reports and for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from pydantic import BaseModel, ConfigDict

from subliminal.judges.calibration import Calibration
from subliminal.judges.verdict import End

NOT_MEASURED = "not measured"

_REJECTED: Mapping[tuple[End, str], str] = {
    ("high", "reject"): "{} or more",
    ("high", "keep"): "more than {}",
    ("low", "reject"): "{} or less",
    ("low", "keep"): "less than {}",
}
"""Scores, by the bad end of the scale and what becomes of the threshold itself."""


@dataclass(frozen=True)
class JudgeErrors:
    """One judge, in words. The names are a user's: never trust them."""

    judge: str
    threshold: str
    """The scores that are rejected."""
    labelled_rows: str
    """That the threshold was chosen and its errors were measured on, half of them each."""
    recall: str
    false_positives: str
    """Both with exact limits at 95 %, and the labelled rows that they are shares of."""
    model: str
    """The language model, or that it is a classifier and how often it errs on held-out texts."""

    def cells(self) -> dict[str, str]:
        """Heading -> cell, in the order to print."""
        return {f.name.replace("_", " "): getattr(self, f.name) for f in fields(self)}


def judge_errors(records: Iterable[Mapping[str, Any]]) -> list[JudgeErrors]:
    """What the records of a filter's rules say of its judges.

    Args:
        records: As :meth:`filters.filter.Filter.records` gives them, of one filter or of many.

    Returns:
        Each judge once, in their order. Records of other rules than judges are passed over.
    """
    of_judges = (_Record.model_validate(record) for record in records if "judge" in record)
    return list(dict.fromkeys(_in_words(record) for record in of_judges))


class _Record(BaseModel):
    """What is read of a judge's record."""

    model_config = ConfigDict(frozen=True)

    judge: str
    threshold: float
    at_threshold: str = "reject"
    bad_scores: End | None = None
    calibration: Calibration | None = None
    model: str | None = None
    """Of a language model."""
    n: int | None = None
    error_rate: float | None = None
    error_rate_ci: tuple[float, float] | None = None
    """Of a classifier, where it was fitted with a report."""


def _in_words(record: _Record) -> JudgeErrors:
    found = record.calibration
    bad_scores = found.bad_scores if found else record.bad_scores
    rejected = _REJECTED[bad_scores, record.at_threshold] if bad_scores else "{}"
    return JudgeErrors(
        judge=record.judge,
        threshold=rejected.format(f"{record.threshold:.4g}"),
        labelled_rows=f"{found.n_labelled:,}" if found else "none",
        recall=_share(found.recall, found.recall_ci, found.n_leaking) if found else NOT_MEASURED,
        false_positives=(
            _share(found.false_positive_rate, found.false_positive_rate_ci, found.n_clean)
            if found
            else NOT_MEASURED
        ),
        model=record.model or _classifier(record),
    )


def _classifier(record: _Record) -> str:
    if record.error_rate is None or record.error_rate_ci is None or record.n is None:
        return "classifier"
    error = _share(record.error_rate, record.error_rate_ci, record.n)
    return f"classifier, wrong on {error} held-out texts"


def _share(share: float, limits: tuple[float, float], count: int) -> str:
    low, high = limits
    return f"{share:.1%} [{low:.1%}, {high:.1%}] of {count:,}"
