"""From finished stages to the rows of the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from subliminal.executors import Outcome
from subliminal.measurements import Observed, read_curve, read_measurements
from subliminal.plan import Plan
from subliminal.results import (
    ALIGNMENT_METRICS,
    WHOLE,
    ArmState,
    CurvePoint,
    MemoryShortage,
    Result,
    TraitName,
)
from subliminal.row import Row
from subliminal.stats import wilson_interval
from subliminal.store import Store
from subliminal.summary import Measured

ALIGNMENT = "alignment"
"""Probe of how the student's training lies to the teacher's."""
DONE = ("computed", "cached")
_AT_ONCE = ("rows_at_once", "tokens_at_once")
"""Of the figures of stages, those that are there where memory ran out."""


def is_complete(row: Row, outcomes: Mapping[str, Outcome]) -> bool:
    """Whether the run found or made every artifact that the row is read from."""
    return all(key in outcomes and outcomes[key].state in DONE for key in row.targets)


def measured_table(
    plan: Plan, store: Store, outcomes: Mapping[str, Outcome]
) -> dict[str, dict[int, Measured]]:
    """Arm -> seed -> what its probes found; rows with a failed stage are absent."""
    confidence = plan.experiment.statistics.confidence
    table: dict[str, dict[int, Measured]] = {}
    for arm, rows in plan.rows.items():
        for seed, row in rows.items():
            if not is_complete(row, outcomes):
                continue
            own, teacher, reference, own_reference = (
                _with_whole(_results(store, key, arm, seed, confidence), row.probed)
                for key in (
                    row.probe,
                    row.teacher_probe,
                    row.reference_probe,
                    row.own_reference_probe,
                )
            )
            own += _results(store, _if_done(row.detection, outcomes), arm, seed, confidence)
            if row.curve is not None:
                own += _alignment(arm, seed, read_curve(store.folder(row.curve)))
            table.setdefault(arm, {})[seed] = Measured(own, teacher, reference, own_reference)
    return table


def result_rows(table: Mapping[str, Mapping[int, Measured]]) -> Iterator[Result]:
    """The rows of `results.jsonl`."""
    for by_seed in table.values():
        for _, measured in sorted(by_seed.items()):
            yield from measured.own
            yield from measured.shares()


def curve_rows(plan: Plan, store: Store, outcomes: Mapping[str, Outcome]) -> Iterator[CurvePoint]:
    """The rows of `curves.jsonl`."""
    for arm, rows in plan.rows.items():
        for seed, row in rows.items():
            if row.curve is not None and is_complete(row, outcomes):
                for point in read_curve(store.folder(row.curve)):
                    yield CurvePoint(arm=arm, seed=seed, **point.model_dump())


def memory_shortages(
    plan: Plan, store: Store, outcomes: Mapping[str, Outcome]
) -> Iterator[MemoryShortage]:
    """Where devices ran out of memory, by kind of stage: in this run, or in the one before it that
    did what this one found in the store."""
    found: dict[str, list[Mapping[str, float]]] = {}
    for key, stage in plan.stages.items():
        of_stage = _counts(key, store, outcomes)
        if not of_stage.keys().isdisjoint(_AT_ONCE):
            found.setdefault(stage.kind, []).append(of_stage)
    for kind, counts in found.items():
        rows, tokens = (
            min((int(each[name]) for each in counts if name in each), default=None)
            for name in _AT_ONCE
        )
        yield MemoryShortage(kind=kind, stages=len(counts), rows=rows, tokens=tokens)


def _counts(key: str, store: Store, outcomes: Mapping[str, Outcome]) -> Mapping[str, float]:
    """Figures of a stage's work, whichever run did it; nothing where they are not known here."""
    if key in outcomes and outcomes[key].state != "cached":
        return outcomes[key].counts
    manifest = store.manifest(key)
    return {} if manifest is None else manifest.counts


def arm_state(plan: Plan, name: str, outcomes: Mapping[str, Outcome]) -> ArmState:
    """What an arm is and how it fared."""
    arm, rows = plan.experiment.arms[name], plan.rows[name]
    failed = {
        seed: outcomes[key].reason
        for seed, row in rows.items()
        for key in row.targets
        if key in outcomes and outcomes[key].state in ("failed", "blocked")
    }
    first = next(iter(rows.values()))
    complete = all(is_complete(row, outcomes) for row in rows.values())
    return ArmState(
        role=arm.role,
        group=arm.group or name,
        point=arm.point,
        control=arm.control,
        probed=first.probed,
        taught=first.taught,
        state="failed" if failed else "done" if complete else "incomplete",
        reason=_failure(failed) if failed else None,
    )


def _if_done(key: str | None, outcomes: Mapping[str, Outcome]) -> str | None:
    """The key of a stage, if its artifact is there."""
    done = key is not None and key in outcomes and outcomes[key].state in DONE
    return key if done else None


def _results(store: Store, key: str | None, arm: str, seed: int, confidence: float) -> list[Result]:
    if key is None:
        return []
    rows = []
    for line in read_measurements(store.folder(key)):
        low = high = None
        if line.n and line.value is not None:
            interval = wilson_interval(round(line.value * line.n), line.n, confidence=confidence)
            low, high = interval.low, interval.high
        rows.append(Result(arm=arm, seed=seed, **line.model_dump(), ci_low=low, ci_high=high))
    return rows


def _with_whole(rows: list[Result], probed: TraitName | None) -> list[Result]:
    """The rows, and those of a trait again as the whole of each probe and metric without one."""
    if probed is None:
        return rows
    have = {(row.probe, row.metric) for row in rows if row.item_group == WHOLE}
    own = [
        row
        for row in rows
        if row.item_group == probed.item_group and (row.probe, row.metric) not in have
    ]
    return rows + [row.model_copy(update={"item_group": WHOLE}) for row in own]


def _alignment(arm: str, seed: int, curve: list[Observed]) -> list[Result]:
    """Alignment as one number for each seed: the mean over the measured steps."""
    rows = []
    for metric in ALIGNMENT_METRICS:
        values = [p.value for p in curve if p.metric == metric and p.value is not None]
        if values:
            mean = sum(values) / len(values)
            rows.append(
                Result(
                    arm=arm, seed=seed, probe=ALIGNMENT, metric=metric, item_group=WHOLE, value=mean
                )
            )
    return rows


def _failure(reasons: Mapping[int, str | None]) -> str:
    seeds = ", ".join(str(seed) for seed in sorted(reasons))
    causes = "; ".join(dict.fromkeys(reason for reason in reasons.values() if reason))
    return f"seed {seeds}: {causes}"
