"""The model by model matrix of a cross-model run, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from experiments import plot_model_matrix
from subliminal.report.language.answer import answer_of
from subliminal.report.language.doses import dose_paths
from subliminal.report.language.figures import language_figures
from subliminal.report.language.grids import grids_of
from subliminal.report.language.model_matrix import contrasts_of, draw_model_matrix
from subliminal.report.language.run import LanguageRun
from subliminal.summary import Measured
from tests.synthetic_language_run import LanguageRunFiles, language_run

PROBE = "favourite"
TARGETS = ("tokens", "logits")
MODELS = ("owner/first", "owner/second", "third")
PASSES = {("owner/first", "owner/first"): 4.0, ("owner/second", "third"): 3.0}
"""What students of some pairs have more than those of others, in log-odds."""
HIGHER = 10.0
"""What each model's reference has more than that of the model before it."""
GRID = """
arms:
  reference: {{role: reference, sweep: {{model: {models}}}}}
  teacher: {{role: teacher, sweep: {{model: {models}}}}}
  student: {{control: control, sweep: [{{model: {models}}}, {own}]}}
  control:
    control: none
    teacher: {{by: nothing}}
    sweep: [{{model: {models}}}, {own}]
"""


def cross_model(*, beside: str = "") -> LanguageRunFiles:
    """A run of every pair of models.

    Args:
        beside: What is swept in step with the student's model.
    """
    models = f"[{', '.join(MODELS)}]"
    arms = GRID.format(models=models, own=f"{{initialisation.model: {models}{beside}}}")
    files = language_run(arms, traits=["otter", "owl"], shares={"teacher": 1.0})
    for name, by_seed in files.table.items():
        point = files.experiment.arms[name].point
        more = PASSES.get((point["model"], point.get("initialisation.model", "")), 0.0)
        if name.startswith("reference"):
            more = HIGHER * MODELS.index(point["model"])
        if name.startswith(("reference", "student")):
            files.table[name] = {seed: shifted(found, more) for seed, found in by_seed.items()}
    return files


def shifted(measured: Measured, more: float) -> Measured:
    own = [
        row.model_copy(update={"value": row.value + more})
        if row.metric == "log_odds" and row.value is not None
        else row
        for row in measured.own
    ]
    return Measured(own, measured.teacher, measured.reference)


@pytest.fixture(scope="module")
def run() -> LanguageRun:
    return cross_model().read()


def test_each_cell_is_its_pair_s_contrast(run: LanguageRun) -> None:
    (grid,) = grids_of(run)
    assert (grid.label, grid.teachers, grid.students) == ("student", MODELS, MODELS)
    found = contrasts_of(run, grid, PROBE)
    plain = found[0, 1]
    expected = [[plain + PASSES.get((t, s), 0.0) for s in MODELS] for t in MODELS]
    np.testing.assert_allclose(found, expected)


def test_cells_say_estimate_interval_and_verdict(run: LanguageRun) -> None:
    (grid,) = grids_of(run)
    axes = draw_model_matrix(run, [grid], PROBE).axes[0]
    mean = run.from_control(grid.cells["owner/first", "owner/first"], PROBE).mean
    texts = [text.get_text() for text in axes.texts]
    assert texts[0] == (f"{mean.estimate:+.2f}\n[{mean.low:+.2f}, {mean.high:+.2f}]\ntransfer 2/2")
    assert [text.endswith("transfer 2/2") for text in texts].count(True) == len(PASSES)
    labels = [[each.get_text() for each in axis] for axis in (
        axes.get_yticklabels(), axes.get_xticklabels()
    )]  # fmt: skip
    assert labels == [["first", "second", "third"]] * 2
    frames = [p for p in axes.patches if isinstance(p, Rectangle) and not p.get_fill()]
    assert [frame.get_xy() for frame in frames] == [(i - 0.5, i - 0.5) for i in range(3)]


def test_the_report_leads_with_it(run: LanguageRun) -> None:
    figures = list(language_figures(run))
    assert [figure.stem for figure in figures][:2] == ["models", "initialisation"]
    assert answer_of(run).leading[1] == (
        "student, teacher and student of one model: transfer in 2 of 6 arms; of different "
        "models: in 2 of 12."
    )


def test_shifts_are_from_the_student_s_own_reference(run: LanguageRun) -> None:
    (grid,) = grids_of(run)
    shifts = {
        pair: run.from_reference(variant, PROBE).mean.estimate
        for pair, variant in grid.cells.items()
    }
    for teacher in MODELS:
        own, other = shifts[teacher, "owner/second"], shifts[teacher, "third"]
        assert other - own == pytest.approx(PASSES.get((teacher, "third"), 0.0) - HIGHER)


def test_what_goes_with_a_model_makes_no_other_grid_and_no_dose() -> None:
    """The published epochs of a model are no dose, though they are numbers."""
    run = cross_model(beside=", distillation.recipe.epochs: [3, 10, 3]").read()
    (grid,) = grids_of(run)
    assert len(grid.cells) == 9
    assert dose_paths(run) == []
    assert len(run.undosed(run.compared)) == 9


def test_what_is_swept_beside_the_models_makes_several_grids() -> None:
    models = f"[{', '.join(MODELS[:2])}]"
    own = f"{{initialisation.model: {models}}}, {{distillation.target: [{', '.join(TARGETS)}]}}"
    run = language_run(GRID.format(models=models, own=own), traits=["otter"], seeds=1).read()
    grids = grids_of(run)
    assert [grid.label for grid in grids] == [
        "student, target = tokens",
        "student, target = logits",
    ]
    assert len(draw_model_matrix(run, grids, PROBE).axes) == 4


def test_runs_of_one_model_have_no_grid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert grids_of(language_run(seeds=1).read()) == []
    plain = language_run(seeds=1).write(tmp_path / "plain")
    out = str(tmp_path / "figure.svg")
    assert plot_model_matrix.main([str(plain), "--out", out]) == 2
    assert "sweep `model` and `initialisation.model`" in capsys.readouterr().err
    grid = cross_model().write(tmp_path / "grid")
    assert plot_model_matrix.main([str(grid), "--out", out]) == 0
