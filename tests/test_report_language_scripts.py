"""The plotting scripts draw language runs, and explain bad input."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from experiments import (
    plot_initialisation,
    plot_trait_matrix,
    plot_transfer_curves,
    print_tables,
)
from experiments.plot_command import read_language_run
from subliminal.report.language.matrix import item_values
from subliminal.results import SUMMARY, read_summary
from tests.synthetic_language_run import language_run
from tests.synthetic_run import plain_run

DOSES = """
arms:
  reference: {role: reference}
  teacher: {role: teacher}
  same: {control: control}
  control: {control: none, teacher: {by: nothing}}
  dose: {control: dose-control, sweep: {data.prompts: [1000, 30000]}}
  dose-control: {control: none, teacher: {by: nothing}, sweep: {data.prompts: [1000, 30000]}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a language run."""
    run = language_run(DOSES, traits=["otter", "owl"], seeds=2)
    return run.write(tmp_path_factory.mktemp("scripts") / "numbers")


def test_every_script_writes_its_figure(folder: Path, tmp_path: Path) -> None:
    curves, sweep = tmp_path / "curves.svg", tmp_path / "sweep.svg"
    matrix, start = tmp_path / "matrix.png", tmp_path / "start.svg"
    assert plot_transfer_curves.main([str(folder), "--out", str(curves)]) == 0
    options = ["--sweep", "data.prompts", "--out", str(sweep)]
    assert plot_transfer_curves.main([str(folder), *options]) == 0
    options = ["--groups", "same", "--out", str(matrix)]
    assert plot_trait_matrix.main([str(folder), *options]) == 0
    assert plot_initialisation.main([str(folder), "--out", str(start)]) == 0
    assert all(path.read_bytes().startswith(b"<?xml") for path in (curves, sweep, start))
    assert matrix.read_bytes().startswith(b"\x89PNG")


def tables(text: str) -> list[list[list[str]]]:
    """The cells of every Markdown table."""
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in [lines[0], *lines[2:]]]
        for lines in blocks
    ]


def test_tables_show_what_the_summary_says(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert print_tables.main([str(folder)]) == 0
    variants, same = tables(capsys.readouterr().out.strip())
    assert [row[0] for row in variants[1:]] == [
        "same",
        "dose, prompts = 1000",
        "dose, prompts = 30000",
    ]
    summary = {
        (row.arm, row.metric): row
        for row in read_summary(folder / SUMMARY)
        if row.probe == "favourite"
    }
    assert [row[0] for row in same[1:]] == ["otter", "owl"]
    for trait, taught, contrast, others, share, verdict in same[1:]:
        row = summary[f"same[trait={trait}]", "log_odds"]
        means = [
            summary[f"{arm}[trait={trait}]", "log_odds"].mean for arm in ("teacher", "reference")
        ]
        assert taught == f"{(means[0] or 0) - (means[1] or 0):+.2f}"
        assert contrast == (
            f"{row.contrast:+.2f} [{row.contrast_ci_low:+.2f}, {row.contrast_ci_high:+.2f}]"
        )
        shares = summary[f"same[trait={trait}]", "share_of_shift"].per_seed.values()
        known = [value for value in shares if value is not None]
        assert share == f"{min(known):.0%} to {max(known):.0%}"
        assert str(row.verdict).startswith(verdict)
        assert math.isfinite(float(others))
    assert len({row[3] for row in same[1:]}) == 2


def test_tables_of_chosen_students_are_theirs_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert print_tables.main([str(folder), "--groups", "dose"]) == 0
    variants, *each = tables(capsys.readouterr().out.strip())
    assert [row[0] for row in variants[1:]] == ["dose, prompts = 1000", "dose, prompts = 30000"]
    assert len(each) == 2


def test_what_is_taught_to_others_is_told_apart_from_the_trait(
    folder: Path,
) -> None:
    run = read_language_run(folder)
    table = print_tables.traits_table(run, "favourite", run.compared[0])
    values = item_values(run.data.results, "favourite")
    otter = [
        values["same[trait=owl]", "otter"][seed] - values["control[trait=owl]", "otter"][seed]
        for seed in (0, 1)
    ]
    assert table[1][3] == f"{sum(otter) / 2:+.2f}"


def test_measures_are_drawn_side_by_side(folder: Path, tmp_path: Path) -> None:
    runs = {"numbers": read_language_run(folder)}
    measures = ["favourite", "fox"]
    figure = plot_transfer_curves.contrast_curves(runs, ["same"], "log_odds", measures)
    assert [axes.get_title(loc="left") for axes in figure.axes] == measures
    out = tmp_path / "curves.png"
    assert plot_transfer_curves.main([str(folder), "--measure", "fox", "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")


def test_curves_of_several_runs_are_told_apart(folder: Path, tmp_path: Path) -> None:
    again = language_run(DOSES, traits=["otter"], seeds=2).write(tmp_path / "again")
    runs = plot_transfer_curves.labelled_runs([folder, again])
    languages = {label: plot_transfer_curves.language_run(run) for label, run in runs.items()}
    known = {label: run for label, run in languages.items() if run is not None}
    figure = plot_transfer_curves.contrast_curves(known, ["same"], "log_odds")
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["same (numbers)", "same (again)"]


@pytest.mark.parametrize(
    ("script", "options", "message"),
    [
        (plot_transfer_curves, ["--arms", "sme"], "did you mean 'same'?"),
        (plot_transfer_curves, ["--arms", "control"], "--arms: none of these has a curve"),
        (plot_transfer_curves, ["--metric", "accuracy"], "--metric: no 'accuracy'"),
        (plot_transfer_curves, ["--sweep", "data.keep"], "did you mean 'data.prompts'?"),
        (plot_transfer_curves, ["--sweep", "trait", "--arms", "same"], "--sweep: no 'trait'"),
        (plot_transfer_curves, ["--sweep", "data.prompts", "--metric", "rate"], "not rate"),
        (plot_transfer_curves, ["--measure", "fx"], "did you mean 'fox'?"),
        (plot_transfer_curves, ["--measure", "fox,owl,otter,bear,wolf"], "name 4 at most"),
        (plot_transfer_curves, ["--measure", "fox", "--sweep", "data.prompts"], "--measure: is of"),
        (plot_initialisation, ["--probe", "story"], "--probe: no 'story'"),
        (plot_trait_matrix, ["--groups", "control"], "--groups: no 'control'"),
        (print_tables, ["--groups", "sme"], "did you mean 'same'?"),
        (plot_trait_matrix, ["--out", "x.pdf"], "use .svg or .png"),
    ],
)
def test_bad_input_is_told_in_one_line(
    script,
    options: list[str],
    message: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert script.main([str(folder), *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_kinds_of_runs_are_not_mixed(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mnist = plain_run(curved=[]).write(tmp_path / "mnist")
    assert plot_transfer_curves.main([str(folder), str(mnist)]) == 2
    assert "draw them apart" in capsys.readouterr().err
    assert plot_trait_matrix.main([str(mnist)]) == 2
    assert "is no run on language models" in capsys.readouterr().err
    assert plot_initialisation.main([str(tmp_path / "nowhere")]) == 2
    assert "no such file" in capsys.readouterr().err
