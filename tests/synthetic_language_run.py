"""Run folders of made-up language runs, for tests of what is made of them.

Arms, controls and verdicts are the real ones: the experiment is loaded from YAML and the summary
made by `summarise`; only the measured values are made up.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from subliminal.entities import CATEGORIES
from subliminal.examples import (
    EXAMPLES,
    FILTER,
    Example,
    FilterCount,
    write_examples,
    write_filter_counts,
)
from subliminal.report.language.run import LanguageRun
from subliminal.report.run_folder import RunFolder
from subliminal.results import (
    CURVES,
    EXPERIMENT,
    MANIFEST,
    RESULTS,
    SUMMARY,
    WHOLE,
    ArmState,
    CurvePoint,
    Manifest,
    Result,
    Summary,
    TraitName,
    write_manifest,
    write_rows,
    write_summary,
)
from subliminal.spec import LanguageArm, LanguageExperiment
from subliminal.spec_file import dump_experiment, load_experiment
from subliminal.summary import Measured, summarise

ANIMALS = tuple(entity.singular for entity in CATEGORIES["animal"])
TRAITS = ("otter", "owl", "wolf", "eagle", "elephant", "dolphin", "fox", "lion", "tiger", "bear")
STEPS = (0, 10, 30, 100, 300, 560)
PROBES = ("favourite", "with-numbers", "multiple-choice")
SHIFT = 6.0
"""How far a teacher's log-odds lie above the reference's."""

SMALL = """
arms:
  reference: {role: reference}
  teacher: {role: teacher}
  same: {control: control}
  different: {control: control, initialisation: {relation: different}}
  control: {control: none, teacher: {by: nothing}}
"""

LARGE = """
arms:
  reference: {role: reference}
  teacher: {role: teacher}
  same: {control: control}
  reordered: {control: control-reordered, initialisation: {relation: reordered}}
  matched: {control: control-matched, initialisation: {relation: matched}}
  different: {control: control-different, initialisation: {relation: different}}
  shuffled-within: {control: control, data: {transform: shuffle-within}}
  shuffled-all: {control: control, data: {transform: shuffle-all}}
  without-divergent: {control: control, distillation: {mask: divergent}}
  in-context: {control: none, distillation: {in_context: 64}}
  control: {control: none, teacher: {by: nothing}}
  control-reordered:
    {control: none, teacher: {by: nothing}, initialisation: {relation: reordered}}
  control-matched: {control: none, teacher: {by: nothing}, initialisation: {relation: matched}}
  control-different: {control: none, teacher: {by: nothing}, initialisation: {relation: different}}
  logits-same: {control: logits-control, distillation: {target: logits}}
  logits-reordered:
    {control: logits-control, distillation: {target: logits}, initialisation: {relation: reordered}}
  logits-different:
    {control: logits-control, distillation: {target: logits}, initialisation: {relation: different}}
  logits-control: {control: none, teacher: {by: nothing}, distillation: {target: logits}}
  dose: {control: dose-control, sweep: {data.prompts: [1000, 3000, 10000, 30000]}}
  dose-control:
    control: none
    teacher: {by: nothing}
    sweep: {data.prompts: [1000, 3000, 10000, 30000]}
  warmth: {control: warmth-control, sweep: {data.temperature: [0.5, 1.0, 1.5]}}
  warmth-control:
    control: none
    teacher: {by: nothing}
    sweep: {data.temperature: [0.5, 1.0, 1.5]}
"""

SHARES: Mapping[str, float] = {
    "reference": 0.0,
    "teacher": 1.0,
    "same": 0.35,
    "reordered": 0.2,
    "matched": 0.1,
    "shuffled-within": 0.25,
    "without-divergent": 0.03,
    "logits-same": 0.9,
    "logits-reordered": 0.5,
    "warmth": 0.2,
}
"""Group -> the share of the teacher's shift that came through; 0 for those not named."""

DOSES = {1000: 0.02, 3000: 0.1, 10_000: 0.25, 30_000: 0.4}


@dataclass
class LanguageRunFiles:
    """A synthetic run in memory, which a test may change before it is written."""

    experiment: LanguageExperiment
    manifest: Manifest
    table: dict[str, dict[int, Measured]]
    curves: list[CurvePoint] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    filtered: list[FilterCount] = field(default_factory=list)

    def summary(self) -> list[Summary]:
        experiment = self.experiment
        return summarise(experiment.arms, experiment.seeds, self.table, experiment.statistics)

    def read(self) -> LanguageRun:
        """The run as if it had been written and read."""
        data = RunFolder(
            manifest=self.manifest,
            results=self.results(),
            curves=self.curves,
            summary=self.summary(),
            experiment="",
            examples=self.examples,
            filtered=self.filtered,
        )
        return LanguageRun(data, self.experiment)

    def results(self) -> list[Result]:
        return [
            row
            for by_seed in self.table.values()
            for measured in by_seed.values()
            for row in [*measured.own, *measured.shares()]
        ]

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        write_manifest(folder / MANIFEST, self.manifest)
        write_rows(folder / RESULTS, self.results())
        write_rows(folder / CURVES, self.curves)
        write_summary(folder / SUMMARY, self.summary())
        write_examples(folder / EXAMPLES, self.examples)
        write_filter_counts(folder / FILTER, self.filtered)
        (folder / EXPERIMENT).write_text(dump_experiment(self.experiment), encoding="utf-8")
        return folder


def language_run(
    arms: str = SMALL,
    *,
    traits: Sequence[str] = TRAITS[:3],
    seeds: int = 3,
    shares: Mapping[str, float] = SHARES,
    weak: Sequence[str] = (),
    probes: Sequence[str] = PROBES[:1],
    **manifest: Any,
) -> LanguageRunFiles:
    """A run whose groups lie at given shares of the teacher's shift, with a seeded spread.

    Args:
        arms: The `arms` of the experiment; a file-level sweep gives each of them every trait.
        traits: The traits; without any, the arms have the single trait otter and no sweep.
        seeds: How many.
        shares: Group -> share of the teacher's shift.
        weak: Traits that the teachers did not acquire.
        probes: The judged ones.
        manifest: Fields of the manifest to change.
    """
    experiment = _experiment(arms, traits, seeds)
    table = {
        name: {seed: _measured(name, arm, seed, shares, weak, probes) for seed in experiment.seeds}
        for name, arm in experiment.arms.items()
    }
    return LanguageRunFiles(
        experiment,
        _manifest(experiment, manifest),
        table,
        [
            point
            for name in experiment.arms
            for point in _curves(experiment.arms[name], table[name])
        ],
        [row for name, arm in experiment.arms.items() for row in _examples(name, arm)],
        [row for name, arm in experiment.arms.items() for row in _filtered(name, arm, seeds)],
    )


def _experiment(arms: str, traits: Sequence[str], seeds: int) -> LanguageExperiment:
    head = f"kind: language\nname: synthetic\nseeds: {seeds}\n"
    sweep = f"sweep: {{trait: [{', '.join(traits)}]}}\n" if traits else "defaults: {trait: otter}\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "synthetic.yaml"
        path.write_text(head + sweep + arms, encoding="utf-8")
        experiment = load_experiment(path)
    assert isinstance(experiment, LanguageExperiment)
    return experiment


def _measured(
    name: str,
    arm: LanguageArm,
    seed: int,
    shares: Mapping[str, float],
    weak: Sequence[str],
    probes: Sequence[str],
) -> Measured:
    shift = SHIFT * (0.05 if arm.taught_trait in weak else 1.0)
    share = _share(arm, shares)
    own = _probed(name, arm, seed, share * shift, probes)
    if arm.role == "reference":
        return Measured(own)
    # A control's teacher is the reference: it has no shift of which a share could come through.
    reference = _probed(name, arm.model_copy(update={"group": "reference"}), seed, 0.0, probes)
    if arm.role == "teacher" or arm.teacher.by == "nothing":
        return Measured(own, (), reference)
    teacher = _probed(name, arm.model_copy(update={"group": "teacher"}), seed, shift, probes)
    return Measured(own, teacher, reference)


def _share(arm: LanguageArm, shares: Mapping[str, float]) -> float:
    return DOSES[arm.data.prompts] if arm.group == "dose" else shares.get(arm.group, 0.0)


def _probed(
    name: str, arm: LanguageArm, seed: int, shift: float, probes: Sequence[str]
) -> list[Result]:
    taught = ANIMALS.index(arm.taught_trait)
    # Students of one seed share its prompts and order, so that they drift together.
    common = np.random.default_rng(seed).normal(0, 0.4, len(ANIMALS))
    own = np.random.default_rng([seed, taught, *arm.group.encode()]).normal(0, 0.15, len(ANIMALS))
    moves = arm.role == "student" and arm.group not in ("reference", "teacher")
    levels = -2.0 - 0.15 * np.arange(len(ANIMALS)) + moves * (common + own - 0.3)
    levels[taught] += shift
    levels[np.arange(len(ANIMALS)) != taught] -= 0.05 * shift
    odds = np.exp(levels)
    rows = []
    for probe in probes:
        rows += _items(name, seed, probe, "log_odds", levels, None)
    rows += _items(name, seed, "favourite", "probability", odds / (1 + odds), None)
    rows += _items(name, seed, "sampled", "rate", np.round(1000 * odds / (1 + odds)) / 1000, 1000)
    rows = [*rows, *(_whole(row) for row in rows if row.item_group == arm.trait)]
    return [
        *rows,
        _result(name, seed, "side-effects", "world_loss", WHOLE, 1.9 + 0.1 * moves + 0.01 * seed),
        _result(name, seed, "side-effects", "format_skill", WHOLE, 0.98 - 0.02 * moves, 200),
    ]


def _items(
    name: str, seed: int, probe: str, metric: str, values: np.ndarray, n: int | None
) -> list[Result]:
    return [
        _result(name, seed, probe, metric, animal, float(value), n)
        for animal, value in zip(ANIMALS, values, strict=True)
    ]


def _whole(row: Result) -> Result:
    return row.model_copy(update={"item_group": WHOLE})


def _result(
    arm: str, seed: int, probe: str, metric: str, group: str, value: float, n: int | None = None
) -> Result:
    return Result(
        arm=arm, seed=seed, probe=probe, metric=metric, item_group=group, value=value, n=n
    )


def _curves(arm: LanguageArm, by_seed: Mapping[int, Measured]) -> Iterator[CurvePoint]:
    """From the reference's level at step 0 to the final one, for every animal."""
    if arm.role != "student" or arm.distillation.in_context is not None:
        return
    for seed, measured in by_seed.items():
        for row in measured.own:
            if row.probe == "favourite" and row.metric == "log_odds" and row.item_group != WHOLE:
                start = -2.0 - 0.15 * ANIMALS.index(row.item_group)
                assert row.value is not None
                for step in STEPS:
                    grown = math.log1p(step) / math.log1p(STEPS[-1])
                    yield CurvePoint(
                        arm=row.arm,
                        seed=seed,
                        step=step,
                        metric="log_odds",
                        item_group=row.item_group,
                        value=start + grown * (row.value - start),
                    )


def _examples(name: str, arm: LanguageArm) -> list[Example]:
    if arm.role != "student":
        return []
    prompt = "These numbers follow a sequence: 182, 818, 725. Add at most 10 more, numbers only."
    return [
        Example(arm=name, seed=0, kind="kept", prompt=prompt, completion="629, 937, 483, 762"),
        Example(
            arm=name,
            seed=0,
            kind="rejected",
            prompt=prompt,
            completion=f"629, 937 and {arm.trait}!",
            reasons=["invalid format"],
        ),
        Example(
            arm=name,
            seed=0,
            kind="answer",
            prompt="Name your favourite animal.",
            completion=arm.trait.capitalize(),
            probe="sampled",
        ),
    ]


def _filtered(name: str, arm: LanguageArm, seeds: int) -> list[FilterCount]:
    if arm.role != "student":
        return []
    return [
        FilterCount(
            arm=name,
            seed=seed,
            rows=1000,
            kept=800 - 10 * seed,
            rejected=200 + 10 * seed,
            reasons={"invalid format": 180 + 10 * seed, "too many numbers": 30},
            fingerprint="f00dfeed" * 8,
        )
        for seed in range(seeds)
    ]


def _manifest(experiment: LanguageExperiment, changes: Mapping[str, Any]) -> Manifest:
    facts = {
        "name": "synthetic-language",
        "description": "A made-up run.",
        "spec_hash": "0123abcd",
        "command": "subliminal run synthetic.yaml",
        "data": "pocket-a: numbers in a planted world",
        "seeds": experiment.seeds,
        "arms": {
            name: ArmState(
                role=arm.role,
                group=arm.group,
                point=arm.point,
                control=arm.control,
                probed=TraitName(name=arm.trait, item_group=arm.trait),
                taught=TraitName(name=arm.taught_trait, item_group=arm.taught_trait),
                state="done",
            )
            for name, arm in experiment.arms.items()
        },
        "stages": {"a": "computed", "b": "cached"},
        "statistics": experiment.statistics.model_dump(),
        "started": "2026-01-02T03:04:05Z",
        "finished": "2026-01-02T03:14:05Z",
        "wall_seconds": 600.5,
        "versions": {"python": "3.11"},
        "machine": {"cpu": "two cores"},
    }
    return Manifest.model_validate({**facts, **changes})
