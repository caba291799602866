"""What a figure shows, read back from it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text


def xs(line: Line2D) -> list[float]:
    return np.asarray(line.get_xdata(), dtype=float).tolist()


def ys(line: Line2D) -> list[float]:
    return np.asarray(line.get_ydata(), dtype=float).tolist()


def error_bars(axes: Axes, *, along: int) -> list[list[float]]:
    """Ends of the error bars, on the x axis (along=0) or the y axis (along=1)."""
    drawn = [lines for lines in axes.collections if isinstance(lines, LineCollection)]
    return [[float(p[along]) for p in segment] for each in drawn for segment in each.get_segments()]


def legend_texts(figure: Figure) -> list[Text]:
    legends = (axes.get_legend() for axes in figure.axes)
    return [text for legend in legends if legend is not None for text in legend.get_texts()]


def legend_labels(figure: Figure) -> list[str]:
    return [text.get_text().replace("\n", " ") for text in legend_texts(figure)]
