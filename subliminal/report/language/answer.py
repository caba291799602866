"""The outcome of a language run in plain words, the strongest statements first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from subliminal.report.answer import Problem
from subliminal.report.labels import counted, estimate, listing, percent
from subliminal.report.language.effects import Effect
from subliminal.report.language.grids import Grid, grids_of
from subliminal.report.language.rejections import filtered_by_variant
from subliminal.report.language.run import LOG_ODDS, LanguageRun, lacks_teacher
from subliminal.report.language.table import DROPPED, Verdicts, verdicts_of
from subliminal.report.language.variants import Variant

MOST_LEADING = 6
"""Findings that lead."""

_VERBS = {
    "no transfer": "no transfer of",
    "not testable": "not testable:",
    "failed": "failed:",
    "incomplete": "incomplete:",
    "not judged": "not judged:",
}


@dataclass(frozen=True)
class _Finding:
    """What a variant shows on a probe."""

    variant: Variant
    verdicts: Verdicts
    contrast: Effect
    share: Effect

    @property
    def strength(self) -> tuple[float, float]:
        """To sort by: the share of traits that show transfer, then the size of the contrast."""
        transfers = self.verdicts.count("transfer") / max(self.verdicts.total, 1)
        contrast = self.contrast.mean.estimate if self.contrast.is_known else float("-inf")
        return transfers, contrast


@dataclass(frozen=True)
class Answer:
    """What a run found, in sentences."""

    leading: tuple[str, ...]
    """What to read first: how many arms show transfer, then the strongest findings."""
    further: tuple[str, ...]
    """The other findings, steps of dose curves last, and the other probes."""
    flags: tuple[str, ...]
    """What limits the findings: teachers without their trait, students without a control."""


def answer_of(run: LanguageRun) -> Answer:
    """What the run found: a sentence for each kind of student, and what limits it."""
    if not run.compared:
        nothing = "No student arm has a control, so there is no transfer to judge."
        return Answer((nothing,), (), tuple(_flags(run)))
    if not run.probes:
        return Answer(("No arm finished, so there is nothing to report yet.",), (), ())
    probe, *others = run.probes
    undosed = run.undosed(run.compared)
    dosed = [variant for variant in run.compared if variant not in undosed]
    findings = [*_findings(run, undosed, probe), *_findings(run, dosed, probe)]
    told = [_sentence(run, finding) for finding in findings]
    told += [_short(run, other) for other in others]
    overall = [_overall(run, probe, findings)]
    overall += [_across_models(run, grid, probe) for grid in grids_of(run)]
    return Answer((*overall, *told[:MOST_LEADING]), tuple(told[MOST_LEADING:]), tuple(_flags(run)))


def _flags(run: LanguageRun) -> list[str]:
    flags = []
    lacking = _traits_lacking(run, run.probes[0]) if run.probes else []
    if lacking:
        flags.append(f"Not testable, as the teacher did not acquire it: {listing(lacking)}.")
    if run.uncompared:
        named = listing([variant.label for variant in run.uncompared])
        flags.append(f"{named}: {DROPPED}.")
    return flags


def _traits_lacking(run: LanguageRun, probe: str) -> list[str]:
    """The traits that a teacher lacks, with its students where other teachers have the trait."""
    verdicts = {row.arm: row.verdict or "" for row in run.rows(probe, LOG_ODDS)}
    students: dict[tuple[str, bool], list[str]] = {}
    for variant in run.compared:
        for arm in variant.arms.values():
            key = run.taught(arm).name, lacks_teacher(verdicts.get(arm, ""))
            students.setdefault(key, []).append(variant.label)
    return [
        f"{trait} ({listing(labels)})" if (trait, False) in students else trait
        for (trait, is_lacking), labels in students.items()
        if is_lacking
    ]


def language_problems(run: LanguageRun) -> list[Problem]:
    """What limits the run: arms that failed, controls dropped, filters that differ."""
    found = [problem for variant in run.variants for problem in _unfinished(run, variant)]
    found += [Problem(variant.label, "no control", DROPPED) for variant in run.uncompared]
    filters = {print_ for each in filtered_by_variant(run) for print_ in each.fingerprints}
    if len(filters) > 1:
        found.append(
            Problem("filter", "differs between arms", "their rows were not chosen by one rule")
        )
    return found


def _unfinished(run: LanguageRun, variant: Variant) -> list[Problem]:
    """The arms of a variant that failed or are incomplete, put together by reason."""
    members: dict[tuple[str, str], list[str]] = {}
    for trait, arm in variant.arms.items():
        state = run.data.manifest.arms[arm]
        if state.state != "done":
            key = (state.state, state.reason or "no reason was recorded")
            members.setdefault(key, []).append(trait)
    return [
        Problem(
            variant.label,
            f"{state} ({listing(traits)}; {len(traits)} of {counted(len(variant.arms), 'trait')})",
            reason,
        )
        for (state, reason), traits in members.items()
    ]


def _findings(run: LanguageRun, variants: Sequence[Variant], probe: str) -> list[_Finding]:
    """What variants show, the strongest first."""
    rows = run.rows(probe, LOG_ODDS)
    findings = [
        _Finding(
            variant,
            verdicts_of(variant, rows, run.data.manifest),
            run.from_control(variant, probe),
            run.shares(variant, probe),
        )
        for variant in variants
    ]
    return sorted(findings, key=lambda finding: finding.strength, reverse=True)


def _overall(run: LanguageRun, probe: str, findings: Sequence[_Finding]) -> str:
    total = sum(finding.verdicts.total for finding in findings)
    transfers = sum(finding.verdicts.count("transfer") for finding in findings)
    size = f"{counted(len(run.traits), 'trait')}, {counted(len(run.data.manifest.seeds), 'seed')}"
    return (
        f"{transfers} of {counted(total, 'student arm')} with a control "
        f"{'shows' if transfers == 1 else 'show'} transfer on the probe {probe} ({size})."
    )


def _across_models(run: LanguageRun, grid: Grid, probe: str) -> str:
    """How many arms show transfer within a model, and how many between models."""
    rows = run.rows(probe, LOG_ODDS)
    counts = {True: [0, 0], False: [0, 0]}
    for (teacher, student), variant in grid.cells.items():
        verdicts = verdicts_of(variant, rows, run.data.manifest)
        counts[teacher == student][0] += verdicts.count("transfer")
        counts[teacher == student][1] += verdicts.total
    (within, all_within), (between, all_between) = counts[True], counts[False]
    return (
        f"{grid.label}, teacher and student of one model: transfer in {within} of "
        f"{counted(all_within, 'arm')}; of different models: in {between} of {all_between}."
    )


def _sentence(run: LanguageRun, finding: _Finding) -> str:
    verdicts = finding.verdicts
    if verdicts.total == 1:
        return f"{finding.variant.label}: {verdicts.leading}.{_size(run, finding)}"
    parts = [f"transfer of {_traits(verdicts, 'transfer')}"]
    parts += [
        f"{verb} {_traits(verdicts, label)}"
        for label, verb in _VERBS.items()
        if verdicts.count(label)
    ]
    return f"{finding.variant.label}: {'; '.join(parts)}.{_size(run, finding)}"


def _traits(verdicts: Verdicts, label: str) -> str:
    """ "9 of 10 traits", with the names where they are few."""
    traits, total = verdicts.traits.get(label, ()), verdicts.total
    count = f"{len(traits)} of {counted(total, 'trait')}"
    few = 0 < len(traits) <= 3 and len(traits) < total
    return f"{count} ({listing(traits)})" if few else count


def _size(run: LanguageRun, finding: _Finding) -> str:
    contrast = finding.contrast
    if not contrast.is_known:
        return ""
    mean = contrast.mean
    text = (
        f" Mean difference from {finding.variant.control}: "
        f"{estimate(mean.estimate, mean.low, mean.high, signed=True)} log-odds over "
        f"{counted(len(contrast.by_seed), 'seed')} ({percent(run.confidence)} interval)"
    )
    # Of students that start elsewhere it would be how far two models lie apart.
    if finding.share.is_known and run.starts_at_reference(finding.variant):
        text += f"; share of the teacher's shift: {finding.share.mean.estimate:.0%}"
    return f"{text}."


def _short(run: LanguageRun, probe: str) -> str:
    told = [
        f"{finding.variant.label} {finding.verdicts.count('transfer')}/{finding.verdicts.total}"
        for finding in _findings(run, run.compared, probe)
        if finding.verdicts.count("transfer")
    ]
    return f"On the probe {probe}, transfer: {listing(told) or 'of no trait'}."
