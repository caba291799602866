"""What the page of a run on language models has beside that of every run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from subliminal.judges.errors import JudgeErrors, judge_errors
from subliminal.report.arm_table import arm_table
from subliminal.report.labels import estimate, known, metric_label, number
from subliminal.report.language.answer import Answer, answer_of
from subliminal.report.language.answer_kinds import (
    FREE_FORM,
    AnswerKinds,
    answer_kinds,
    kinds_of,
)
from subliminal.report.language.effects import Effect
from subliminal.report.language.readings import Reading, readings
from subliminal.report.language.rejections import (
    Filtered,
    filtered_by_arm,
    filtered_by_variant,
    reasons_of,
)
from subliminal.report.language.run import LOG_ODDS, LanguageRun
from subliminal.report.language.variants import Variant, sweeps_traits
from subliminal.report.table_rows import SummaryTable
from subliminal.results import Summary

SIDE_EFFECTS = "side-effects"
"""Probe of what else training did to a model."""
SCORER = "scorer"
"""Probe of how often the scorer of these answers errs."""
DETECTOR = "detector: "
"""What the names of the probes begin with that tell taught rows from untaught ones."""
MAIN_REASONS = 3
"""The most that are told of an arm."""

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
class KindsRow:
    """What the answers of one variant to one probe were, in print."""

    label: str
    probe: str
    answers: str
    scored: str
    kinds: tuple[str, ...]


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
class FilteredArm:
    """What the filter did to the rows of one arm, over its seeds, in print."""

    arm: str
    rows: str
    kept: str
    rejected: str
    share: str
    """Of the rows written that were rejected."""
    reasons: str
    """The commonest ones, with their shares of the rows written."""


@dataclass(frozen=True)
class Detected:
    """How well the rows of one variant are told from its control's, in print."""

    label: str
    cells: tuple[str, ...]
    """One for each detector: mean over seeds with its interval."""


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
    scorer: str
    """How often the scorer of free-form answers errs; empty where there is none."""
    kinds: tuple[str, ...]
    """Headings of the kinds of free-form answers without a score, with what they count as."""
    answers: tuple[KindsRow, ...]
    reasons: tuple[str, ...]
    """Headings of the filter's reasons."""
    filtered: tuple[FilterRow, ...]
    filtered_arms: tuple[FilteredArm, ...]
    """Arm by arm, where a group has several."""
    fingerprints: tuple[str, ...]
    """Of the filters of the run's rows: one, if every arm went through the same."""
    judges: tuple[JudgeErrors, ...]
    """The filters' judges, each once."""
    detectors: tuple[str, ...]
    """Headings of the detectors."""
    detected: tuple[Detected, ...]
    readings: tuple[Reading, ...]
    """Examples to read, by variant."""


def language_page(run: LanguageRun) -> LanguagePage:
    """The sections of a run's page."""
    filtered, by_arm = filtered_by_variant(run), filtered_by_arm(run)
    reasons = reasons_of(filtered)
    answers = answer_kinds(run)
    kinds = kinds_of(answers)
    prints = dict.fromkeys(print_ for each in filtered for print_ in each.fingerprints)
    measures = list(
        dict.fromkeys((row.probe, row.metric) for row in run.data.summary if _stands_aside(row))
    )
    detectors = list(
        dict.fromkeys((row.probe, row.metric) for row in run.data.summary if _detects(row))
    )
    return LanguagePage(
        answer=answer_of(run),
        caveat=run.caveat,
        traits=tuple(_tables_by_trait(run)),
        measures=tuple(_heading(*measure) for measure in measures),
        side_effects=tuple(_side_effects(run, measures)) if measures else (),
        scorer=_scorer(run),
        kinds=tuple(_kind_heading(run, kind) for kind in kinds),
        answers=tuple(_kinds_row(each, kinds) for each in answers),
        reasons=tuple(reasons),
        filtered=tuple(_filter_row(each, reasons) for each in filtered),
        filtered_arms=tuple(map(_filtered_arm, by_arm)) if len(by_arm) > len(filtered) else (),
        fingerprints=tuple(prints),
        judges=tuple(judge_errors(record for c in run.data.filtered for record in c.records)),
        detectors=tuple(probe.removeprefix(DETECTOR) for probe, _ in detectors),
        detected=tuple(_detected(run, detectors)),
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
        if (row.probe, row.metric) not in shown
        and row.probe != SCORER
        and not (_stands_aside(row) or _detects(row))
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


def _detects(row: Summary) -> bool:
    """Whether a measure is a detector's."""
    return row.probe.startswith(DETECTOR)


def _detected(run: LanguageRun, detectors: Sequence[Measure]) -> Iterator[Detected]:
    for variant in run.compared:
        found = [run.values(variant, *detector) for detector in detectors]
        if any(effect.is_known for effect in found):
            yield Detected(variant.label, tuple(map(_text, found)))


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


def _kind_heading(run: LanguageRun, kind: str) -> str:
    fate = getattr(run.experiment.probing.free_form.fates, kind)
    return f"{kind} ({'does not count' if fate == 'drop' else f'counts as {fate}'})"


def _kinds_row(found: AnswerKinds, kinds: Sequence[str]) -> KindsRow:
    return KindsRow(
        label=found.label,
        probe=found.probe,
        answers=f"{found.answers:,}",
        scored=f"{found.scored:.1%}",
        kinds=tuple(f"{found.shares[kind]:.1%}" for kind in kinds),
    )


def _filter_row(filtered: Filtered, reasons: Sequence[str]) -> FilterRow:
    return FilterRow(
        label=filtered.label,
        rows=f"{filtered.rows:,}",
        passed=f"{filtered.passed:.1%}",
        reach=f"{filtered.least:.1%} to {filtered.most:.1%}",
        reasons=tuple(f"{filtered.reasons.get(reason, 0.0):.1%}" for reason in reasons),
    )


def _filtered_arm(filtered: Filtered) -> FilteredArm:
    main = sorted(filtered.reasons.items(), key=lambda reason: -reason[1])[:MAIN_REASONS]
    return FilteredArm(
        arm=filtered.label,
        rows=f"{filtered.rows:,}",
        kept=f"{filtered.kept:,}",
        rejected=f"{filtered.rejected:,}",
        share=f"{filtered.rejected / filtered.rows:.1%}",
        reasons="; ".join(f"{reason} {share:.1%}" for reason, share in main),
    )


def _scorer(run: LanguageRun) -> str:
    errors = [row for row in run.data.results if row.probe == SCORER and known(row.value)]
    if not errors:
        return ""
    worst = max(errors, key=lambda row: row.value or 0.0)
    most = "at most " if len({row.value for row in errors}) > 1 else ""
    share = estimate(worst.value, worst.ci_low, worst.ci_high)
    name = run.experiment.probing.free_form.scorer
    return (
        f"The scorer of free-form answers ({name}) mistakes {most}{share} of {worst.n} planted "
        "answers of a known author (Wilson interval over answers)."
    )
