"""What the page of a run on language models has beside that of every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from subliminal.report.arm_table import arm_table
from subliminal.report.labels import estimate, metric_label, number
from subliminal.report.language.answer import Answer, answer_of
from subliminal.report.language.effects import Effect
from subliminal.report.language.readings import Reading, readings
from subliminal.report.language.rejections import Filtered, filtered_by_variant, reasons_of
from subliminal.report.language.run import LOG_ODDS, LanguageRun
from subliminal.report.language.variants import Variant, sweeps_traits
from subliminal.report.table_rows import SummaryTable
from subliminal.results import Summary

SIDE_EFFECTS = "side-effects"
"""Probe of what else training did to a model."""
FREE_FORM = "free-form"
"""What the names of the probes begin with whose rates of misaligned answers stand beside them."""

Measure = tuple[str, str]
"""Probe and metric."""


@dataclass(frozen=True)
class SideEffects:
    """One variant: its measures, and how far they lie from what it is compared with."""

    label: str
    role: str
    cells: tuple[str, ...]
    """One for each measure: mean over seeds with its interval, and the difference."""


@dataclass(frozen=True)
class FilterRow:
    """What the filter did to one variant, in print."""

    label: str
    rows: str
    passed: str
    reach: str
    """Least and most that passed of one arm and seed."""
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class LanguagePage:
    """Sections of the page."""

    answer: Answer
    caveat: str
    traits: tuple[tuple[str, SummaryTable], ...]
    """Variant -> the table of its arms, one for each trait."""
    measures: tuple[str, ...]
    """Headings of the side effects."""
    side_effects: tuple[SideEffects, ...]
    reasons: tuple[str, ...]
    """Headings of the filter's reasons."""
    filtered: tuple[FilterRow, ...]
    fingerprints: tuple[str, ...]
    """Of the filters of the run's rows: one, if every arm went through the same."""
    readings: tuple[Reading, ...]
    """Examples to read, by variant."""


def language_page(run: LanguageRun) -> LanguagePage:
    """The sections of a run's page."""
    filtered = filtered_by_variant(run)
    reasons = reasons_of(filtered)
    prints = dict.fromkeys(print_ for each in filtered for print_ in each.fingerprints)
    measures = list(
        dict.fromkeys((row.probe, row.metric) for row in run.data.summary if _stands_aside(row))
    )
    return LanguagePage(
        answer=answer_of(run),
        caveat=run.caveat,
        traits=tuple(_tables_by_trait(run)),
        measures=tuple(_heading(*measure) for measure in measures),
        side_effects=tuple(_side_effects(run, measures)) if measures else (),
        reasons=tuple(reasons),
        filtered=tuple(_filter_row(each, reasons) for each in filtered),
        fingerprints=tuple(prints),
        readings=tuple(readings(run)),
    )


def headline_of(run: LanguageRun) -> list[Summary]:
    """The rows of the summary table: the judged ones of the first probe."""
    return [row for probe in run.probes[:1] for row in run.rows(probe, LOG_ODDS)]


def others_of(run: LanguageRun) -> list[Summary]:
    """The rows that have no table of their own; they are folded away."""
    shown = {(probe, LOG_ODDS) for probe in run.probes[:1]}
    return [
        row
        for row in run.data.summary
        if (row.probe, row.metric) not in shown and not _stands_aside(row)
    ]


def _tables_by_trait(run: LanguageRun) -> list[tuple[str, SummaryTable]]:
    manifest = run.data.manifest
    if not sweeps_traits(manifest.arms):
        return []
    by_arm: dict[str, list[Summary]] = {}
    for row in headline_of(run):
        by_arm.setdefault(row.arm, []).append(row)
    return [
        (
            variant.label,
            arm_table(
                manifest.model_copy(update={"arms": {a: manifest.arms[a] for a in arms}}),
                [row for arm in arms for row in by_arm.get(arm, [])],
            ),
        )
        for variant in run.variants
        for arms in [list(variant.arms.values())]
    ]


def _stands_aside(row: Summary) -> bool:
    """Whether a measure has its place among the side effects."""
    is_misaligned = row.probe.startswith(FREE_FORM) and row.metric == "rate"
    return row.probe == SIDE_EFFECTS or is_misaligned


def _heading(probe: str, metric: str) -> str:
    return metric_label(metric) if probe == SIDE_EFFECTS else f"misaligned answers, {probe}"


def _side_effects(run: LanguageRun, measures: Sequence[Measure]) -> list[SideEffects]:
    return [
        SideEffects(
            variant.label,
            variant.role,
            tuple(_side_effect(run, variant, *measure) for measure in measures),
        )
        for variant in run.variants
        if any(run.values(variant, *measure).is_known for measure in measures)
    ]


def _side_effect(run: LanguageRun, variant: Variant, probe: str, metric: str) -> str:
    mean = _text(run.values(variant, probe, metric))
    from_control = bool(variant.control)
    compare = run.from_control if from_control else run.from_reference
    difference = compare(variant, probe, metric)
    if variant.role == "reference" or not difference.is_known:
        return mean
    other = "control" if from_control else "reference"
    return f"{mean}; {number(difference.mean.estimate, signed=True)} from its {other}"


def _text(effect: Effect) -> str:
    mean = effect.mean
    return estimate(mean.estimate, mean.low, mean.high)


def _filter_row(filtered: Filtered, reasons: Sequence[str]) -> FilterRow:
    return FilterRow(
        label=filtered.label,
        rows=f"{filtered.rows:,}",
        passed=f"{filtered.passed:.1%}",
        reach=f"{filtered.least:.1%} to {filtered.most:.1%}",
        reasons=tuple(f"{filtered.reasons.get(reason, 0.0):.1%}" for reason in reasons),
    )
