"""Run folders with made-up values, for tests of what is made of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from subliminal.results import (
    CURVES,
    EXPERIMENT,
    MANIFEST,
    RESULTS,
    SUMMARY,
    ArmState,
    CurvePoint,
    Manifest,
    Result,
    Summary,
    write_manifest,
    write_rows,
    write_summary,
)
from subliminal.stats import Interval, paired_contrast, t_interval

LEVELS = {"reference": 0.1, "teacher": 0.943}
STEPS = (0, 1, 3, 10, 30, 100, 293)


@dataclass
class Run:
    """A synthetic run in memory, which a test may change before it is written."""

    manifest: Manifest
    values: dict[str, dict[int, float | None]]
    curves: list[CurvePoint] = field(default_factory=list)
    verdicts: dict[str, str] = field(default_factory=dict)

    def summary(self) -> list[Summary]:
        return [
            _summary(arm, per_seed, self.manifest.arms[arm].control, self.values, self.verdicts)
            for arm, per_seed in self.values.items()
        ]

    def results(self) -> list[Result]:
        return [
            Result(
                arm=arm,
                seed=seed,
                probe="test images",
                metric="accuracy",
                item_group="digits",
                value=value,
                n=10_000,
                ci_low=None if value is None else max(0.0, value - 0.01),
                ci_high=None if value is None else value + 0.01,
            )
            for arm, per_seed in self.values.items()
            for seed, value in per_seed.items()
        ]

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        write_manifest(folder / MANIFEST, self.manifest)
        write_rows(folder / RESULTS, self.results())
        write_rows(folder / CURVES, self.curves)
        write_summary(folder / SUMMARY, self.summary())
        (folder / EXPERIMENT).write_text("name: synthetic\nseeds: [0, 1, 2]\n", encoding="utf-8")
        return folder


def _summary(
    arm: str,
    per_seed: Mapping[int, float | None],
    control: str | None,
    values: Mapping[str, Mapping[int, float | None]],
    verdicts: Mapping[str, str],
) -> Summary:
    finite = {seed: value for seed, value in per_seed.items() if value is not None}
    nothing = Interval(math.nan, math.nan, math.nan)
    mean = t_interval(list(finite.values())) if finite else nothing
    contrast = nothing
    if control is not None and control in values:
        other = {s: v for s, v in values[control].items() if v is not None}
        if finite.keys() & other.keys():
            contrast = paired_contrast(finite, other).difference
    return Summary(
        arm=arm,
        probe="test images",
        metric="accuracy",
        n_seeds=len(finite),
        mean=_none(mean.estimate),
        ci_low=_none(mean.low),
        ci_high=_none(mean.high),
        per_seed=dict(per_seed),
        control=control,
        contrast=_none(contrast.estimate),
        contrast_ci_low=_none(contrast.low),
        contrast_ci_high=_none(contrast.high),
        verdict=verdicts.get(arm),
    )


def _none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def arm_state(
    role: str = "student",
    *,
    group: str = "",
    point: dict[str, Any] | None = None,
    control: str | None = None,
    state: str = "done",
    reason: str | None = None,
) -> ArmState:
    return ArmState.model_validate(
        {
            "role": role,
            "group": group,
            "point": point or {},
            "control": control,
            "state": state,
            "reason": reason,
        }
    )


def make_run(
    arms: Mapping[str, ArmState],
    levels: Mapping[str, float],
    *,
    seeds: Iterable[int] = range(5),
    curved: Iterable[str] = (),
    verdicts: Mapping[str, str] | None = None,
    **manifest: Any,
) -> Run:
    """A run whose arms lie at given levels, with a seeded spread over seeds."""
    seeds = list(seeds)
    rng = np.random.default_rng(0)
    spread = rng.normal(0, 0.04, (len(levels), len(seeds)))
    values: dict[str, dict[int, float | None]] = {
        arm: {
            seed: float(np.clip(level + (0.004 if level < 0.2 else 1) * noise, 0, 1))
            for seed, noise in zip(seeds, row, strict=True)
        }
        for (arm, level), row in zip(levels.items(), spread, strict=True)
    }
    curves = [point for arm in curved for point in _curves(arm, values[arm])]
    named = {
        arm: state.model_copy(update={"group": state.group or arm}) for arm, state in arms.items()
    }
    facts = {
        "name": "synthetic",
        "description": "A made-up run.",
        "spec_hash": "0123abcd",
        "command": "subliminal run synthetic.yaml",
        "data": "MNIST (60,000 training and 10,000 test images)",
        "seeds": seeds,
        "arms": named,
        "stages": {"a": "computed", "b": "computed", "c": "cached"},
        "statistics": {
            "confidence": 0.95,
            "correction": "holm",
            "equivalence_bound": 0.02,
            "teacher_minimum": 0.5,
        },
        "started": "2026-01-02T03:04:05Z",
        "finished": "2026-01-02T03:14:05Z",
        "wall_seconds": 600.5,
        "versions": {"python": "3.11", "torch": "2.14"},
        "machine": {"cpu": "two cores", "gpu": None},
    }
    return Run(Manifest.model_validate({**facts, **manifest}), values, curves, dict(verdicts or {}))


def _curves(arm: str, per_seed: Mapping[int, float | None]) -> list[CurvePoint]:
    """From chance at step 0 to the final value, and cosines that rise from zero."""
    points: list[CurvePoint] = []
    for seed, final in per_seed.items():
        for step in STEPS:
            share = math.log1p(step) / math.log1p(STEPS[-1])
            end = 0.1 if final is None else final
            measured = {
                "accuracy": 0.1 + share * (end - 0.1),
                "gradient_cosine": 0.02 * math.sin(step + seed) + 0.1 * (end - 0.1),
                "displacement_cosine": None if step == 0 else share * (end - 0.1) * 0.4,
            }
            points.extend(
                CurvePoint(
                    arm=arm, seed=seed, step=step, metric=metric, item_group="digits", value=value
                )
                for metric, value in measured.items()
            )
    return points


def plain_run(**changes: Any) -> Run:
    """The published comparison: a reference, a teacher and two students with their controls."""
    arms = {
        "reference": arm_state("reference"),
        "teacher": arm_state("teacher"),
        "same-aux": arm_state(control="different-aux"),
        "different-aux": arm_state(control="none"),
        "same-all": arm_state(control="different-all"),
        "different-all": arm_state(control="reference"),
    }
    levels = {
        **LEVELS,
        "same-aux": 0.537,
        "different-aux": 0.1,
        "same-all": 0.912,
        "different-all": 0.741,
    }
    options: dict[str, Any] = {
        "curved": [arm for arm in arms if arms[arm].role == "student"],
        "verdicts": {
            "same-aux": "transfer: above its control: difference 0.437 over 5 seeds",
            "same-all": "transfer: above its control: difference 0.171 over 5 seeds",
            "different-aux": "not testable: no control: there is nothing to compare it with",
            "different-all": "transfer: above its control: difference 0.641 over 5 seeds",
        },
    }
    return make_run(arms, levels, **{**options, **changes})


def swept_run(path: str, values: Iterable[Any], **changes: Any) -> Run:
    """Same and different initialisation, swept over one field."""
    arms: dict[str, ArmState] = {
        "reference": arm_state("reference"),
        "teacher": arm_state("teacher"),
    }
    levels = dict(LEVELS)
    values = list(values)
    short = path.rpartition(".")[2]
    for group in ("same", "different"):
        for place, value in enumerate(values):
            name = f"{group}[{short}={value}]"
            control = f"different[{short}={value}]" if group == "same" else "none"
            arms[name] = arm_state(group=group, point={path: value}, control=control)
            levels[name] = 0.15 + 0.75 * place / len(values) if group == "same" else 0.1
    students = [arm for arm in arms if arms[arm].role == "student"]
    return make_run(arms, levels, **{"curved": students, **changes})


LONG = "a-student-with-a-very-long-name.that_goes-on-and-on-until-the-eightieth-letter-x"
