"""From probed values to the summary table: estimates, contrasts with controls, verdicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from subliminal import stats, verdicts
from subliminal.results import JUDGED, WHOLE, Result, Summary
from subliminal.spec import BaseArm, BaseStatistics

SHARE = "share_of_shift"

Correction = Callable[[Sequence[float]], list[float]]
CORRECTIONS: Mapping[str, Correction] = {
    "holm": stats.holm,
    "benjamini-hochberg": stats.benjamini_hochberg,
    "none": list,
}


@dataclass(frozen=True)
class Measured:
    """What the probes found for one arm and seed: its own model, its teacher, and what they
    started from."""

    own: Sequence[Result]
    teacher: Sequence[Result] = ()
    reference: Sequence[Result] = ()
    """Of the teacher."""
    own_reference: Sequence[Result] = ()
    """Of the student, where it is not its teacher's."""

    def shares(self) -> list[Result]:
        """The share of the teacher's shift that came through, for each probe with both."""
        teacher, reference = _whole_values(self.teacher), _whole_values(self.reference)
        start = _whole_values(self.own_reference) if self.own_reference else reference
        return [
            row.model_copy(
                update={
                    "metric": SHARE,
                    "value": _finite(
                        stats.share_of_shift(
                            row.value, reference[whole], teacher[whole], start=start[whole]
                        )
                    ),
                    "n": None,
                    "ci_low": None,
                    "ci_high": None,
                }
            )
            for row in self.own
            for whole in [(row.probe, row.metric)]
            if row.metric in JUDGED and row.item_group == WHOLE and row.value is not None
            if whole in teacher and whole in reference and whole in start
        ]


Table = Mapping[str, Mapping[int, Measured]]
"""Arm -> seed -> what was measured."""


def summarise(
    arms: Mapping[str, BaseArm], seeds: Sequence[int], table: Table, statistics: BaseStatistics
) -> list[Summary]:
    """Estimate every arm's metrics over its seeds and judge students against their controls.

    Args:
        arms: All arms of the experiment, in the order in which they are to be listed.
        seeds: All its seeds; those without a measurement count as failed.
        table: What was measured; failed rows are absent.
        statistics: Confidence, correction and bounds.

    Returns:
        One row per arm, probe and metric. Only students' judged metrics get a verdict.
    """
    values = _values_by_cell(table)
    contrasts = _contrasts(arms, values, statistics)
    adjusted = _adjust(_tested(contrasts, arms, table, statistics), statistics)
    place = {arm: number for number, arm in enumerate(arms)}
    rows = []
    for cell in sorted(values, key=lambda cell: place[cell.arm]):
        contrast = contrasts.get(cell)
        p_value = adjusted.get(cell, math.nan)
        verdict = _judge(cell, arms, seeds, table, contrast, p_value, statistics)
        rows.append(_row(cell, arms[cell.arm], values[cell], contrast, statistics, verdict))
    return rows


@dataclass(frozen=True)
class _Cell:
    arm: str
    probe: str
    metric: str


Values = Mapping[_Cell, Mapping[int, float]]


def _values_by_cell(table: Table) -> dict[_Cell, dict[int, float]]:
    values: dict[_Cell, dict[int, float]] = {}
    for arm, by_seed in table.items():
        for seed, measured in by_seed.items():
            for row in [*measured.own, *measured.shares()]:
                if row.item_group == WHOLE and row.value is not None:
                    values.setdefault(_Cell(arm, row.probe, row.metric), {})[seed] = row.value
    return values


def _contrasts(
    arms: Mapping[str, BaseArm], values: Values, statistics: BaseStatistics
) -> dict[_Cell, stats.Contrast]:
    contrasts = {}
    for cell, per_seed in values.items():
        control = arms[cell.arm].control
        if control in (None, "none"):
            continue
        other = values.get(_Cell(str(control), cell.probe, cell.metric), {})
        if per_seed.keys() & other.keys():
            contrasts[cell] = stats.paired_contrast(
                per_seed, other, confidence=statistics.confidence
            )
    return contrasts


def _tested(
    contrasts: Mapping[_Cell, stats.Contrast],
    arms: Mapping[str, BaseArm],
    table: Table,
    statistics: BaseStatistics,
) -> dict[_Cell, stats.Contrast]:
    """The contrasts that are judged and whose teachers have something to pass on.

    Whether a teacher has the trait says nothing about a student that learned nothing from it, so
    that leaving the others out keeps the error rates (independent filtering, Bourgon, Gentleman
    and Huber 2010, doi:10.1073/pnas.0914005107).
    """
    return {
        cell: contrast
        for cell, contrast in contrasts.items()
        if _is_judged(cell, arms) and _teachers_have_trait(cell, table, statistics)
    }


def _adjust(
    contrasts: Mapping[_Cell, stats.Contrast], statistics: BaseStatistics
) -> dict[_Cell, float]:
    """Correct the p-values of judged contrasts for one another, within each probe and metric."""
    adjusted: dict[_Cell, float] = {}
    for whole in {(cell.probe, cell.metric) for cell in contrasts}:
        cells = [cell for cell in contrasts if (cell.probe, cell.metric) == whole]
        p_values = [contrasts[cell].p_value for cell in cells]
        adjusted.update(zip(cells, CORRECTIONS[statistics.correction](p_values), strict=True))
    return adjusted


def _judge(
    cell: _Cell,
    arms: Mapping[str, BaseArm],
    seeds: Sequence[int],
    table: Table,
    contrast: stats.Contrast | None,
    adjusted_p: float,
    statistics: BaseStatistics,
) -> str | None:
    if not _is_judged(cell, arms):
        return None
    control = arms[cell.arm].control
    if contrast is None and control not in (None, "none"):
        return f"not testable: no seed has a result both here and in its control {control}"
    missing = len(seeds) - (contrast.n if contrast else len(table[cell.arm]))
    verdict = verdicts.verdict(
        contrast,
        adjusted_p=adjusted_p,
        bound=statistics.equivalence_bound,
        alpha=1 - statistics.confidence,
        teacher_has_trait=_teachers_have_trait(cell, table, statistics),
        failed=missing,
    )
    return f"{verdict.label}: {verdict.reason}"


def _is_judged(cell: _Cell, arms: Mapping[str, BaseArm]) -> bool:
    return arms[cell.arm].role == "student" and cell.metric in JUDGED


def _teachers_have_trait(cell: _Cell, table: Table, statistics: BaseStatistics) -> bool:
    """Whether the teachers of an arm moved far enough from their references, on average."""
    if statistics.teacher_shift is None:
        return True
    whole = (cell.probe, cell.metric)
    shifts = [
        teacher[whole] - reference[whole]
        for measured in table[cell.arm].values()
        for teacher in [_whole_values(measured.teacher)]
        for reference in [_whole_values(measured.reference)]
        if whole in teacher and whole in reference
    ]
    return bool(shifts) and sum(shifts) / len(shifts) >= statistics.teacher_shift


def _row(
    cell: _Cell,
    arm: BaseArm,
    per_seed: Mapping[int, float],
    contrast: stats.Contrast | None,
    statistics: BaseStatistics,
    verdict: str | None,
) -> Summary:
    interval = stats.t_interval(list(per_seed.values()), confidence=statistics.confidence)
    difference = contrast.difference if contrast else None
    return Summary(
        arm=cell.arm,
        probe=cell.probe,
        metric=cell.metric,
        n_seeds=len(per_seed),
        mean=_finite(interval.estimate),
        ci_low=_finite(interval.low),
        ci_high=_finite(interval.high),
        per_seed=dict(sorted(per_seed.items())),
        control=None if arm.control == "none" else arm.control,
        contrast=_finite(difference.estimate) if difference else None,
        contrast_ci_low=_finite(difference.low) if difference else None,
        contrast_ci_high=_finite(difference.high) if difference else None,
        verdict=verdict,
    )


def _whole_values(rows: Iterable[Result]) -> dict[tuple[str, str], float]:
    """Probe and judged metric -> value over all items."""
    return {
        (row.probe, row.metric): row.value
        for row in rows
        if row.metric in JUDGED and row.item_group == WHOLE and row.value is not None
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
