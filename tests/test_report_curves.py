"""Curves show what was measured at every step while students learnt."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from subliminal.report import draw_alignment, draw_curves
from subliminal.report.drawing import MOST_LINES
from subliminal.results import CurvePoint
from subliminal.stats import t_interval
from tests.drawn import xs, ys
from tests.synthetic_run import STEPS, Run, arm_state, make_run, plain_run


def accuracies(run: Run, arm: str, step: int) -> list[float]:
    cell = (arm, step, "accuracy")
    points = [point for point in run.curves if (point.arm, point.step, point.metric) == cell]
    return [point.value for point in points if point.value is not None]


def mean_lines(axes: Axes) -> dict[str, Line2D]:
    return {
        str(line.get_label()): line
        for line in axes.lines
        if not str(line.get_label()).startswith("_")
    }


def test_curves_show_the_mean_at_every_step_and_each_seed() -> None:
    run = plain_run(seeds=range(6))
    (axes,) = draw_curves(run.curves).axes
    lines = mean_lines(axes)
    assert list(lines) == ["same-aux", "different-aux", "same-all", "different-all"]
    for arm, line in lines.items():
        assert xs(line) == list(STEPS)
        for step, drawn in zip(STEPS, ys(line), strict=True):
            assert drawn == pytest.approx(np.mean(accuracies(run, arm, step)))
    assert len(axes.lines) == len(lines) * (1 + 6)
    assert axes.get_xlabel() == "distillation step (batches)"
    assert axes.get_ylabel() == "test accuracy (proportion)"


def test_curves_show_step_zero() -> None:
    (axes,) = draw_curves(plain_run().curves).axes
    assert axes.get_xscale() == "symlog"
    assert axes.get_xlim()[0] < 0
    assert 0 in axes.get_xticks()
    assert STEPS[-1] in axes.get_xticks()


def test_curve_band_is_the_t_interval() -> None:
    run = plain_run()
    (axes,) = draw_curves(run.curves, confidence=0.9).axes
    expected = t_interval(accuracies(run, "same-aux", STEPS[-1]), confidence=0.9)
    corners = np.asarray(axes.collections[0].get_paths()[0].vertices)
    at_end = corners[corners[:, 0] == STEPS[-1], 1]
    assert at_end.min() == pytest.approx(expected.low)
    assert at_end.max() == pytest.approx(expected.high)


def test_item_groups_get_a_panel_each_on_one_scale() -> None:
    run = plain_run()
    parity = [
        point.model_copy(update={"item_group": "parity", "value": point.value / 2})
        for point in run.curves
        if point.value is not None
    ]
    digits, other = draw_curves([*run.curves, *parity]).axes
    assert [text.get_text() for text in digits.texts] == ["digits"]
    assert [text.get_text() for text in other.texts] == ["parity"]
    assert digits.get_ylim() == other.get_ylim()


def test_many_arms_are_spread_over_panels() -> None:
    arms = {f"arm-{index}": arm_state(control="none") for index in range(30)}
    run = make_run(arms, dict.fromkeys(arms, 0.5), curved=arms, seeds=[0, 1])
    drawn = [mean_lines(axes) for axes in draw_curves(run.curves).axes]
    assert all(len(lines) <= MOST_LINES for lines in drawn)
    assert [name for lines in drawn for name in lines] == list(arms)


def test_curve_of_a_seed_that_broke_off_stays_broken() -> None:
    points = [
        CurvePoint(arm="a", seed=seed, step=step, metric="accuracy", item_group="all", value=value)
        for seed, values in enumerate([(0.1, 0.2, 0.4), (0.1, 0.4, None)])
        for step, value in zip((0, 1, 10), values, strict=True)
    ]
    (axes,) = draw_curves(points).axes
    # Means over the seeds that were measured: .1, (.2 + .4) / 2 = .3, and .4 of one seed alone.
    assert ys(mean_lines(axes)["a"]) == pytest.approx([0.1, 0.3, 0.4])
    broken = next(line for line in axes.lines if math.isnan(ys(line)[-1]))
    assert ys(broken)[:2] == [0.1, 0.4]


def test_alignment_has_two_panels_with_a_zero_line() -> None:
    gradients, displacements = draw_alignment(plain_run().curves).axes
    assert gradients.get_ylabel() == "gradient cosine (-1 to 1)"
    assert displacements.get_ylabel() == "displacement cosine (-1 to 1)"
    for axes in (gradients, displacements):
        assert any(set(ys(line)) == {0} for line in axes.lines)
        assert axes.get_ylim()[0] <= 0 <= axes.get_ylim()[1]
