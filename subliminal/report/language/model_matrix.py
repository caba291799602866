"""The model by model matrix: what passes from teachers of one model to students of another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from subliminal.report.drawing import DOUBLE_COLUMN, STYLE, new_figure
from subliminal.report.labels import MISSING, model_name, wrapped
from subliminal.report.language.grids import Grid
from subliminal.report.language.heat_map import HeatMap, draw_heat_map
from subliminal.report.language.look import add_footer, footer_of
from subliminal.report.language.run import HEADLINE, LOG_ODDS, LanguageRun
from subliminal.report.language.table import verdicts_of
from subliminal.report.language.variants import Variant

MOST_PANELS = 2
"""Grids in one figure."""

_ROW_INCHES, _FRAME_INCHES = 0.5, 1.1
_NAME_WIDTH = 20
_FRAME_WIDTH = 1.4
"""Points, of the line around cells whose teacher and student are of one model."""


@style.context(STYLE)
def draw_model_matrix(run: LanguageRun, grids: Sequence[Grid], probe: str = HEADLINE) -> Figure:
    """Draw the contrast with the control of every pair of a teacher's and a student's model.

    Each cell says the mean over seeds of the average over traits, its interval, and how many traits
    show what; colours are those of the means, white at zero. Cells on whose both sides stands the
    same model are framed.

    Args:
        run: The run.
        grids: Of its students, a panel for each.
        probe: A judged probe.

    Returns:
        A figure as wide as a page.
    """
    heights = [_FRAME_INCHES + _ROW_INCHES * len(grid.teachers) for grid in grids]
    figure = new_figure(DOUBLE_COLUMN, sum(heights) + 0.2)
    all_axes = figure.subplots(len(grids), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, grid in zip(all_axes, grids, strict=True):
        _draw_panel(figure, axes, run, grid, probe)
    add_footer(figure, footer_of(run))
    return figure


def contrasts_of(run: LanguageRun, grid: Grid, probe: str) -> NDArray[np.float64]:
    """Mean contrasts with the controls.

    Returns:
        [teachers, students] in log-odds; NaN where there is no such pair, or no seed.
    """
    means = [
        [_mean(run, grid.cells.get((teacher, own)), probe) for own in grid.students]
        for teacher in grid.teachers
    ]
    return np.array(means, dtype=float)


def _mean(run: LanguageRun, variant: Variant | None, probe: str) -> float:
    return math.nan if variant is None else run.from_control(variant, probe).mean.estimate


def _draw_panel(figure: Figure, axes: Axes, run: LanguageRun, grid: Grid, probe: str) -> None:
    texts = [
        [_text(run, grid.cells.get((teacher, own)), probe) for own in grid.students]
        for teacher in grid.teachers
    ]
    both = (*grid.teachers, *grid.students)
    names = {name: wrapped(model_name(name), _NAME_WIDTH) for name in both}
    shown = HeatMap(
        [names[teacher] for teacher in grid.teachers],
        [names[own] for own in grid.students],
        contrasts_of(run, grid, probe),
        texts,
    )
    draw_heat_map(figure, axes, shown, unit="log-odds of the trait,\nstudent less control")
    for row, teacher in enumerate(grid.teachers):
        if teacher in grid.students:
            _frame(axes, row, grid.students.index(teacher))
    axes.set_title(grid.label, loc="left", fontweight="bold")
    axes.set_xlabel("student's model")
    axes.set_ylabel("teacher's model")


def _frame(axes: Axes, row: int, column: int) -> None:
    place = (column - 0.5, row - 0.5)
    axes.add_patch(
        Rectangle(place, 1, 1, fill=False, edgecolor="black", linewidth=_FRAME_WIDTH, clip_on=False)
    )


def _text(run: LanguageRun, variant: Variant | None, probe: str) -> str:
    """The mean, its interval and the leading verdict; nothing where there is no such pair."""
    if variant is None:
        return ""
    verdicts = verdicts_of(variant, run.rows(probe, LOG_ODDS), run.data.manifest)
    count = f"{verdicts.leading} {verdicts.count(verdicts.leading)}/{verdicts.total}"
    mean = run.from_control(variant, probe).mean
    if not math.isfinite(mean.estimate):
        return f"{MISSING}\n{count}"
    known = math.isfinite(mean.low) and math.isfinite(mean.high)
    limits = f"{mean.low:+.2f}, {mean.high:+.2f}" if known else MISSING
    return f"{mean.estimate:+.2f}\n[{limits}]\n{count}"
