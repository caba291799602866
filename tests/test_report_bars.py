"""Bars show the means, seeds and intervals of the arms."""

from __future__ import annotations

import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from subliminal.report import draw_bars
from tests.drawn import error_bars, xs
from tests.synthetic_run import plain_run


def bar_patches(axes: Axes) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def labels_on(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def test_bars_show_means_seeds_and_intervals() -> None:
    run = plain_run(seeds=range(8))
    rows = {row.arm: row for row in run.summary()}
    axes = draw_bars(list(rows.values()), run.manifest.arms).axes[0]
    names = labels_on(axes)
    assert sorted(names) == sorted(rows)
    for name, bar in zip(names, bar_patches(axes), strict=True):
        assert bar.get_x() == 0
        assert bar.get_width() == rows[name].mean
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    for name, line in zip(names, dots, strict=True):
        assert xs(line) == list(rows[name].per_seed.values())
    assert error_bars(axes, along=0) == [
        pytest.approx([rows[name].ci_low, rows[name].ci_high]) for name in names
    ]
    assert axes.get_xlabel() == "test accuracy (proportion)"


def test_bars_mark_the_reference_and_put_students_beside_controls() -> None:
    run = plain_run()
    rows = run.summary()
    axes = draw_bars(rows, run.manifest.arms).axes[0]
    assert labels_on(axes) == [
        "reference",
        "teacher",
        "different-aux",
        "same-aux",
        "different-all",
        "same-all",
    ]
    (dashed,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert set(xs(dashed)) == {rows[0].mean}
    hatched = [bool(bar.get_hatch()) for bar in bar_patches(axes)]
    assert hatched == [False, False, True, False, True, False]


def test_bars_say_na_for_an_arm_without_a_mean() -> None:
    run = plain_run()
    run.values["same-aux"] = dict.fromkeys(range(5))
    axes = draw_bars(run.summary(), run.manifest.arms).axes[0]
    assert len(bar_patches(axes)) == len(run.values) - 1
    assert [text.get_text() for text in axes.texts].count("n/a") == 1
