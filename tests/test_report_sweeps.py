"""Figures of sweeps show the arms against the values that were swept."""

from __future__ import annotations

import pytest
from matplotlib.container import ErrorbarContainer

from subliminal.report import draw_sweep, sweep_paths
from tests.drawn import error_bars, legend_labels, xs, ys
from tests.synthetic_run import Run, arm_state, make_run, swept_run


@pytest.mark.parametrize(
    ("path", "values", "scale", "label"),
    [
        ("network.auxiliary", [1, 3, 50], "log", "auxiliary logits m (count)"),
        ("initialisation.matching.epochs", [0, 1, 100], "symlog", "matching epochs (count)"),
        ("distillation.epochs", [0, 1, 5], "linear", "distillation epochs (count)"),
        ("initialisation.weight_noise", [0.5, 1.0], "linear", "weight noise (sd / initial sd)"),
        ("teaching.momentum", [0.1, 0.5], "linear", "teaching.momentum"),
    ],
)
def test_sweep_shows_means_against_values(
    path: str, values: list[float], scale: str, label: str
) -> None:
    run = swept_run(path, values)
    axes = draw_sweep(run.summary(), run.manifest.arms, path).axes[0]
    rows = {
        group: [row for row in run.summary() if run.manifest.arms[row.arm].group == group]
        for group in ("same", "different")
    }
    drawn = [bars for bars in axes.containers if isinstance(bars, ErrorbarContainer)]
    assert [bars.get_label() for bars in drawn] == list(rows)
    for bars, expected in zip(drawn, rows.values(), strict=True):
        assert xs(bars.lines[0]) == values
        assert ys(bars.lines[0]) == [row.mean for row in expected]
    limits = [[row.ci_low, row.ci_high] for group in rows.values() for row in group]
    assert error_bars(axes, along=1) == [pytest.approx(pair) for pair in limits]
    assert axes.get_xscale() == scale
    assert axes.get_xlabel() == label
    assert axes.get_ylabel() == "test accuracy (proportion)"
    assert axes.get_xlim()[0] < values[0]
    assert axes.get_xlim()[1] > values[-1]


def test_sweep_has_a_dot_for_every_seed() -> None:
    run = swept_run("network.auxiliary", [1, 3, 50], seeds=range(4))
    axes = draw_sweep(run.summary(), run.manifest.arms, "network.auxiliary").axes[0]
    dots = [line for line in axes.lines if line.get_linestyle() == "None" and xs(line)]
    per_line = [len(xs(line)) for line in dots if line.get_marker() == "o"]
    assert per_line == [12, 12]


def grid_run() -> Run:
    """Matching inputs times epochs, all with one unswept control, and its unswept opposite."""
    arms = {
        "reference": arm_state("reference"),
        "different": arm_state(control="reference"),
        "same": arm_state(control="different"),
    }
    levels = {"reference": 0.1, "different": 0.1, "same": 0.9}
    for inputs in ("uniform", "images"):
        for epochs in (1, 10, 100):
            name = f"matched[inputs={inputs},epochs={epochs}]"
            point = {"initialisation.inputs": inputs, "initialisation.matching.epochs": epochs}
            arms[name] = arm_state(group="matched", point=point, control="different")
            levels[name] = 0.2
    return make_run(arms, levels)


def test_fields_that_are_not_numbers_split_the_lines() -> None:
    run = grid_run()
    assert sweep_paths(run.manifest.arms) == ["initialisation.matching.epochs"]
    figure = draw_sweep(run.summary(), run.manifest.arms, "initialisation.matching.epochs")
    assert legend_labels(figure) == [
        "matched, matching inputs = uniform",
        "matched, matching inputs = images",
        "different (control)",
        "same",
        "reference",
    ]


def test_fields_that_advance_together_are_one_axis() -> None:
    arms = {
        f"s[{m}]": arm_state(
            group="s", point={"network.auxiliary": m, "distillation.epochs": 2 * m}, control="none"
        )
        for m in (1, 2, 3)
    }
    assert sweep_paths(arms) == ["network.auxiliary"]
    run = make_run(arms, dict.fromkeys(arms, 0.5))
    axes = draw_sweep(run.summary(), arms, "network.auxiliary").axes[0]
    (line,) = axes.containers
    assert line.get_label() == "s"
