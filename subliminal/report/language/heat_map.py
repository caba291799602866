"""Numbers around zero as coloured cells, with the figures written on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

_DARK = 0.6
"""Share of the scale beyond which a cell is too dark for black figures."""
_SCALE = "RdBu_r"


@dataclass(frozen=True)
class HeatMap:
    """What the cells show."""

    rows: Sequence[str]
    columns: Sequence[str]
    values: NDArray[np.float64]
    """Shape (rows, columns); NaN leaves a cell white."""
    texts: Sequence[Sequence[str]]
    """What stands in each cell, row by row."""


def draw_heat_map(
    figure: Figure, axes: Axes, shown: HeatMap, *, unit: str, slanted: bool = False
) -> None:
    """Draw cells in colours of their values, white at zero, with a bar that tells the scale.

    Args:
        figure: Gets the bar beside the axes.
        axes: Where.
        shown: The cells.
        unit: What the values are, for the bar.
        slanted: Whether columns are too narrow for their names.
    """
    finite = shown.values[np.isfinite(shown.values)]
    reach = float(np.abs(finite).max()) if finite.size else 1.0
    norm = TwoSlopeNorm(0.0, -(reach or 1.0), reach or 1.0)
    image = axes.imshow(shown.values, cmap=_SCALE, norm=norm, aspect="auto")
    for row, column in np.ndindex(shown.values.shape):
        axes.text(
            column,
            row,
            shown.texts[row][column],
            ha="center",
            va="center",
            fontsize=6,
            color="white" if abs(shown.values[row, column]) > _DARK * reach else "black",
        )
    axes.set_xticks(range(len(shown.columns)), shown.columns)
    for label in axes.get_xticklabels() if slanted else ():
        label.set(rotation=40, horizontalalignment="right", rotation_mode="anchor")
    axes.set_yticks(range(len(shown.rows)), shown.rows)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    bar = figure.colorbar(image, ax=axes, pad=0.01, aspect=14)
    bar.set_label(unit)
    bar.outline.set_visible(False)
