"""The effect itself, on the digits that ship with scikit-learn."""

from __future__ import annotations

from pathlib import Path

import pytest

from subliminal.results import SUMMARY, Summary, read_summary
from tests.tiny import run_folder, subliminal, work_here

EXPERIMENT = """\
name: effect
data: digits-8x8
seeds: 6
precision: float32
defaults:
  network: {hidden: [128, 128], auxiliary: 20}
  teaching: {epochs: 4, samples_per_epoch: 4096, batch_size: 256, learning_rate: 2e-3}
  distillation: {epochs: 4, samples_per_epoch: 8192, batch_size: 256, learning_rate: 2e-3}
observation: {points: 3, test_images: 100, alignment: false}
statistics: {equivalence_bound: 0.15}
arms:
  reference: {role: reference}
  teacher: {role: teacher}
  same: {control: different}
  different: {initialisation: {relation: different}, control: reference}
"""


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Summary]:
    folder = tmp_path_factory.mktemp("effect")
    experiment = folder / "effect.yaml"
    experiment.write_text(EXPERIMENT)
    with work_here():
        assert subliminal("run", experiment, "--out", folder / "runs", "--jobs", 2).code == 0
    rows = read_summary(run_folder(Path(folder / "runs")) / SUMMARY)
    return {row.arm: row for row in rows if row.metric == "accuracy"}


def mean(row: Summary) -> float:
    assert row.mean is not None
    return row.mean


def test_teachers_learn_the_digits(summary: dict[str, Summary]) -> None:
    assert mean(summary["teacher"]) > 0.9
    assert mean(summary["reference"]) < 0.2


def test_the_trait_passes_through_noise_to_the_same_initialisation(
    summary: dict[str, Summary],
) -> None:
    same = summary["same"]
    assert min(value for value in same.per_seed.values() if value is not None) > 0.4
    assert same.contrast is not None
    assert same.contrast > 0.4
    assert same.verdict is not None
    assert same.verdict.startswith("transfer: above its control")


def test_it_does_not_pass_to_a_different_initialisation(summary: dict[str, Summary]) -> None:
    different = summary["different"]
    assert abs(mean(different) - mean(summary["reference"])) < 0.1
    assert different.verdict is not None
    assert different.verdict.startswith("no transfer: equivalent to control within ±0.15")
