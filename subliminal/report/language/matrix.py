"""The trait by trait matrix: which preferences move when one is taught."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from subliminal.report.drawing import DOUBLE_COLUMN, STYLE, new_figure, title_inches
from subliminal.report.labels import MISSING, known, wrapped
from subliminal.report.language.heat_map import HeatMap, draw_heat_map
from subliminal.report.language.look import add_footer, footer_of
from subliminal.report.language.run import HEADLINE, LOG_ODDS, LanguageRun
from subliminal.report.language.variants import Variant, control_of
from subliminal.results import WHOLE, Result
from subliminal.samples import difference_of

MOST_PANELS = 3
"""Variants in one figure."""

_ROW_INCHES, _FRAME_INCHES, _FEWEST_ROWS = 0.2, 0.8, 3
"""With fewer rows the bar of colours has no room for its figures."""
_TITLE_WIDTH = 80
"""Characters of a title's line."""

ByItem = Mapping[tuple[str, str], Mapping[int, float]]
"""(Arm, item group) -> seed -> log-odds."""


@dataclass(frozen=True)
class Matrix:
    """Mean shifts of one variant over seeds."""

    label: str
    taught: tuple[str, ...]
    probed: tuple[str, ...]
    shifts: NDArray[np.float64]
    """Shape (taught, probed), in log-odds; NaN where nothing was measured."""

    @property
    def is_known(self) -> bool:
        """Whether anything was measured."""
        return bool(np.isfinite(self.shifts).any())


@style.context(STYLE)
def draw_matrix(run: LanguageRun, variants: Sequence[Variant], probe: str = HEADLINE) -> Figure:
    """Draw the mean shift of every probed member of the category against the control's.

    Args:
        run: With values of each member of the category.
        variants: Students with controls, a panel for each.
        probe: A judged probe.

    Returns:
        A figure as wide as a page. The diagonal, what was taught, leads; each panel has a colour
        scale of its own, white at zero.
    """
    values = item_values(run.data.results, probe)
    matrices = [matrix_of(run, variant, values) for variant in variants]
    heights = [_inches(matrix) for matrix in matrices]
    figure = new_figure(DOUBLE_COLUMN, sum(heights) + 0.2)
    grid = figure.subplots(len(matrices), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, matrix in zip(grid, matrices, strict=True):
        _draw_panel(figure, axes, matrix)
    add_footer(figure, footer_of(run))
    return figure


def item_values(results: Iterable[Result], probe: str) -> dict[tuple[str, str], dict[int, float]]:
    """The log-odds of every member of the category, by arm and member."""
    values: dict[tuple[str, str], dict[int, float]] = {}
    for row in results:
        asked = (row.probe, row.metric) == (probe, LOG_ODDS) and row.item_group != WHOLE
        if asked and known(row.value):
            values.setdefault((row.arm, row.item_group), {})[row.seed] = row.value
    return values


def matrix_of(run: LanguageRun, variant: Variant, values: ByItem) -> Matrix:
    """The mean over seeds of each member's log-odds in an arm less those in its control.

    Args:
        run: The run.
        variant: A student with a control.
        values: As :func:`item_values` gives them.
    """
    taught = {arm: run.taught(arm) for arm in variant.arms.values()}
    items = dict.fromkeys(item for arm, item in values if arm in taught)
    # What was taught first, in the order of the rows: the effect is then the diagonal.
    leading = dict.fromkeys(t.item_group for t in taught.values() if t.item_group in items)
    probed = list(leading | items)
    arms = run.data.manifest.arms
    shifts = [
        [_shift(values, arm, control_of(arm, arms), item) for item in probed] for arm in taught
    ]
    shape = (len(taught), len(probed))
    return Matrix(
        variant.label,
        tuple(trait.name for trait in taught.values()),
        tuple(probed),
        np.array(shifts, dtype=float).reshape(shape),
    )


def _shift(values: ByItem, arm: str, control: str | None, item: str) -> float:
    own, other = values.get((arm, item), {}), values.get((control or "", item), {})
    common = own.keys() & other.keys()
    if not common:
        return math.nan
    return math.fsum(difference_of(own[seed], other[seed]) for seed in common) / len(common)


def _inches(matrix: Matrix) -> float:
    rows = max(_FEWEST_ROWS, len(matrix.taught))
    return _FRAME_INCHES + _ROW_INCHES * rows + title_inches(_title(matrix))


def _title(matrix: Matrix) -> str:
    return wrapped(f"{matrix.label}, less control", _TITLE_WIDTH)


def _draw_panel(figure: Figure, axes: Axes, matrix: Matrix) -> None:
    texts = [[_text(shift) for shift in row] for row in matrix.shifts.tolist()]
    shown = HeatMap(matrix.taught, matrix.probed, matrix.shifts, texts)
    draw_heat_map(figure, axes, shown, unit="shift in log-odds", slanted=True)
    axes.set_title(_title(matrix), loc="left", fontweight="bold")
    axes.set_xlabel("probed")
    axes.set_ylabel("taught")


def _text(shift: float) -> str:
    text = f"{shift:+.1f}" if math.isfinite(shift) else MISSING
    return "0.0" if text in ("+0.0", "-0.0") else text
