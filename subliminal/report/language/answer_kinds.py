"""What free-form answers were: how many have a score, and what became of those that have none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from subliminal.report.language.run import LanguageRun
from subliminal.results import Result
from subliminal.spec.fates import Fates

FREE_FORM = "free-form"
"""What the names of the probes begin with that sample such answers."""


@dataclass(frozen=True)
class AnswerKinds:
    """The answers of one variant to one probe, over its arms and seeds."""

    label: str
    probe: str
    answers: int
    shares: dict[str, float]
    """Kind of answer without a score -> its share of the answers."""

    @property
    def scored(self) -> float:
        """Share of the answers that have a score, and are aligned or misaligned by it."""
        return max(0.0, 1.0 - sum(self.shares.values()))


def answer_kinds(run: LanguageRun) -> list[AnswerKinds]:
    """The answers put together by variant and probe, in the order of the run."""
    found: dict[tuple[str, str], list[Result]] = {}
    labels = {arm: v.label for v in run.variants for arm in v.arms.values()}
    for row in run.data.results:
        if row.probe.startswith(FREE_FORM) and row.metric == "share":
            found.setdefault((row.probe, labels[row.arm]), []).append(row)
    return [_together(label, probe, rows) for (probe, label), rows in found.items()]


def kinds_of(found: Iterable[AnswerKinds]) -> list[str]:
    """The kinds that some answer was of, in the order of their fates."""
    return [kind for kind in Fates.model_fields if any(each.shares.get(kind) for each in found)]


def _together(label: str, probe: str, rows: Sequence[Result]) -> AnswerKinds:
    of_kind = {kind: [row for row in rows if row.item_group == kind] for kind in Fates.model_fields}
    # Of each kind there is a row for the same answers.
    answers = max(sum(row.n or 0 for row in found) for found in of_kind.values())
    counts = {
        kind: sum((row.value or 0.0) * (row.n or 0) for row in found)
        for kind, found in of_kind.items()
    }
    shares = {kind: count / answers if answers else 0.0 for kind, count in counts.items()}
    return AnswerKinds(label, probe, answers, shares)
