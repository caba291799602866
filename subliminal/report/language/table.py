"""The summary table of a language run: a row for each variant, averaged over its traits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from subliminal.report.caveat import caveat_of
from subliminal.report.labels import MISSING, estimate, listing
from subliminal.report.language.effects import Effect, by_arm, differences_of, values_of
from subliminal.report.language.variants import Variant, control_of, traits_swept, variants_of
from subliminal.report.run_folder import confidence_of
from subliminal.report.table_rows import CONTROL, SummaryTable, TableRow, split_verdict
from subliminal.results import Manifest, Summary

NO_CONTRAST = "no contrast"
DROPPED = "control dropped on purpose: no contrast"

_LABELS = ("transfer", "no transfer", "not testable", "failed", "incomplete", "not judged")
"""In the order in which counts are listed."""


@dataclass(frozen=True)
class Verdicts:
    """The verdicts of a variant: the traits that got each label."""

    traits: dict[str, tuple[str, ...]]
    """Label -> traits, the labels in a fixed order."""

    @property
    def total(self) -> int:
        """Number of traits."""
        return sum(map(len, self.traits.values()))

    @property
    def leading(self) -> str:
        """Transfer if any trait shows it, else what most of them got."""
        if "transfer" in self.traits:
            return "transfer"
        return max(self.traits, key=lambda label: len(self.traits[label]), default="")

    def count(self, label: str) -> int:
        """How many traits got a label."""
        return len(self.traits.get(label, ()))


def group_table(
    manifest: Manifest, summary: Sequence[Summary], *, every_arm: bool = True
) -> SummaryTable:
    """Put a run's summary into one row for each variant, probe and metric.

    Args:
        manifest: The run; its arms give the order.
        summary: Estimates, contrasts and verdicts of every arm.
        every_arm: Give variants without a summary row, as those that failed, a row of "n/a".
    """
    variants = variants_of(manifest.arms, traits_swept(manifest.arms))
    measures = dict.fromkeys((row.probe, row.metric) for row in summary)
    rows: list[TableRow] = []
    for probe, metric in measures:
        chosen = [row for row in summary if (row.probe, row.metric) == (probe, metric)]
        measured = {row.arm for row in chosen}
        for variant in variants:
            if measured & set(variant.arms.values()):
                rows.append(_row(variant, probe, metric, chosen, manifest))
    if every_arm:
        named = {row.arm for row in rows}
        rows += [_empty_row(v, manifest) for v in variants if v.label not in named]
    note = "Rows are groups of arms: means over their traits within each seed, then over seeds."
    caveat = caveat_of(manifest)
    return SummaryTable(tuple(rows), confidence_of(manifest), f"{note} {caveat}".strip())


def verdicts_of(variant: Variant, rows: Sequence[Summary], manifest: Manifest) -> Verdicts:
    """The verdicts of a variant's arms, or how those without one ended.

    Args:
        variant: Students.
        rows: Summary rows of one probe and metric.
        manifest: The run.
    """
    given = {row.arm: split_verdict(row.verdict)[0] for row in rows if row.verdict is not None}
    labels = {trait: given.get(arm) or _ended(arm, manifest) for trait, arm in variant.arms.items()}
    known = [label for label in _LABELS if label in labels.values()]
    return Verdicts(
        {label: tuple(trait for trait, got in labels.items() if got == label) for label in known}
    )


def serves_as_control(variant: Variant, manifest: Manifest) -> bool:
    """Whether an arm of a variant is the control of another."""
    arms = manifest.arms
    return bool({control_of(name, arms) for name in arms} & set(variant.arms.values()))


def _row(
    variant: Variant, probe: str, metric: str, rows: Sequence[Summary], manifest: Manifest
) -> TableRow:
    confidence = confidence_of(manifest)
    values = by_arm(rows)
    own = values_of(variant, values, confidence)
    contrast = differences_of(
        variant, values, lambda arm: control_of(arm, manifest.arms), confidence
    )
    verdict, reason = _verdict(variant, rows, manifest)
    return TableRow(
        arm=variant.label,
        role=variant.role,
        probe=probe,
        metric=metric,
        seeds=str(len(own.by_seed)),
        mean=_estimate(own),
        control=variant.control,
        contrast=_estimate(contrast, signed=True) if variant.control else "",
        verdict=verdict,
        reason=reason,
    )


def _empty_row(variant: Variant, manifest: Manifest) -> TableRow:
    verdict, reason = _counts(verdicts_of(variant, (), manifest))
    return TableRow(
        arm=variant.label,
        role=variant.role,
        probe=MISSING,
        metric=MISSING,
        seeds="0",
        mean=MISSING,
        control=variant.control,
        contrast=MISSING if variant.control else "",
        verdict=verdict,
        reason=reason,
    )


def _verdict(variant: Variant, rows: Sequence[Summary], manifest: Manifest) -> tuple[str, str]:
    if variant.role != "student" or all(row.verdict is None for row in rows):
        return "", ""
    if not variant.control:
        return (CONTROL, "") if serves_as_control(variant, manifest) else (NO_CONTRAST, DROPPED)
    verdict, others = _counts(verdicts_of(variant, rows, manifest))
    return verdict, others or _only_reason(variant, rows)


def _only_reason(variant: Variant, rows: Sequence[Summary]) -> str:
    """Why the only arm of a variant got its verdict; empty where there are several."""
    arms = variant.arms.values()
    given = [row.verdict for row in rows if row.arm in arms and row.verdict is not None]
    return split_verdict(given[0])[1] if len(arms) == len(given) == 1 else ""


def _counts(verdicts: Verdicts) -> tuple[str, str]:
    """ "transfer 9/10", and what the other traits got."""
    leading = verdicts.leading
    others = [
        f"{label} {len(traits)}{_named(traits)}"
        for label, traits in verdicts.traits.items()
        if label != leading
    ]
    return f"{leading} {verdicts.count(leading)}/{verdicts.total}", "; ".join(others)


def _named(traits: Sequence[str]) -> str:
    named = [trait for trait in traits if trait]
    return f" ({listing(named, most=4)})" if named else ""


def _ended(arm: str, manifest: Manifest) -> str:
    state = manifest.arms[arm].state
    return "not judged" if state == "done" else state


def _estimate(effect: Effect, *, signed: bool = False) -> str:
    mean = effect.mean
    return estimate(mean.estimate, mean.low, mean.high, signed=signed)
