"""What all figures share: paper sizes, line styles, panels, scales and encoding to bytes."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import Transform

from subliminal.report.labels import wrapped

STYLE = "subliminal.report.style"
SINGLE_COLUMN, DOUBLE_COLUMN = 3.4, 7.0
"""Widths of a paper's column and page, in inches."""

MOST_LINES = 12
"""More lines than this in one panel cannot be told apart."""

_MOST_TICKS = 8
"""With more values than this on a wide axis, powers of ten are ticked instead."""

TICK_ROOM = 0.1
"""Of an axis as wide as a paper's column, for the label of a tick."""

PANEL_HEIGHT = 2.1
"""Inches, without the legend."""

# Dark to light, so that a greyscale print keeps the order; hues chosen apart for the colour-blind.
COLOURS = ("#0a1f5c", "#9c2247", "#1b7157", "#da6a2c", "#5aace2", "#e5c047")
_DASHES = ("-", (0, (4, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (1, 1.2)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "d")

_TITLE_LINE = 0.15
"""Inches at 8 pt."""

# Inches at 8 pt, and the characters of a label that fit beside its handle in a column's width.
_LEGEND_LINE, _LEGEND_CHARACTER, _LEGEND_HANDLE, _AXIS_LABELS = 0.165, 0.064, 0.5, 0.4
_LEGEND_WRAP = 38
_MOST_LINES_ABOVE = 4

_GOLDEN = 0.6180339887498949

SEED_DOT: Mapping[str, Any] = MappingProxyType(
    {
        "linestyle": "none",
        "marker": "o",
        "markersize": 2.8,
        "markerfacecolor": "white",
        "markeredgecolor": "black",
        "markeredgewidth": 0.5,
        "alpha": 0.8,
        "zorder": 3,
    }
)
"""One seed on a bar: hollow, to be seen on a dark bar and not to be taken for the interval."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class LineStyle:
    """How one line looks: colour, dashes and marker each tell it from its neighbours."""

    colour: str
    dashes: str | tuple[int, tuple[float, ...]]
    marker: str


def line_style(index: int) -> LineStyle:
    """Style of the index-th line of a panel; distinct for the first twelve."""
    return LineStyle(
        COLOURS[index % len(COLOURS)],
        _DASHES[index % len(_DASHES)],
        _MARKERS[index % len(_MARKERS)],
    )


def title_inches(title: str) -> float:
    """The height of a panel's title, which may have several lines."""
    return _TITLE_LINE * (title.count("\n") + 1)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches that makes room for what is put beside its axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


@dataclass(frozen=True)
class Sheet:
    """A figure of equal panels, with room kept for a legend outside of each."""

    figure: Figure
    panels: list[Axes]
    legend_beside: bool
    """Long legends stand to the right of their panel; short ones above it."""

    def add_legend(self, axes: Axes, lines: Mapping[str, Artist | ErrorbarContainer]) -> None:
        """Name the lines of a panel without covering its data.

        Args:
            axes: One of the panels.
            lines: Label -> what it stands for, in the order to list.
        """
        if not lines:
            return
        labels = [wrapped(label, _LEGEND_WRAP) for label in lines]
        if self.legend_beside:
            axes.legend(list(lines.values()), labels, loc="center left", bbox_to_anchor=(1.01, 0.5))
        else:
            axes.legend(
                list(lines.values()),
                labels,
                loc="lower left",
                bbox_to_anchor=(0, 1.02),
                ncols=legend_columns(labels),
            )


def legend_columns(labels: Sequence[str], width: float = SINGLE_COLUMN) -> int:
    """How many columns of these labels fit above panels that are so many inches wide together."""
    longest = max((len(line) for label in labels for line in label.split("\n")), default=1)
    return max(1, int((width - _AXIS_LABELS) / (longest * _LEGEND_CHARACTER + _LEGEND_HANDLE)))


def new_sheet(legends: Sequence[Sequence[str]]) -> Sheet:
    """An empty sheet: a single panel is as wide as a paper's column, several as its page.

    Args:
        legends: The labels of each panel's lines; one panel at least.
    """
    wrapped_legends = [[wrapped(label, _LEGEND_WRAP) for label in labels] for labels in legends]
    above = max(map(_lines_above, wrapped_legends))
    if above > _MOST_LINES_ABOVE:
        lines = [sum(map(_line_count, labels)) for labels in wrapped_legends]
        heights = [max(PANEL_HEIGHT, _LEGEND_LINE * (count + 1)) for count in lines]
        return Sheet(*_grid(len(legends), 1, DOUBLE_COLUMN, heights), legend_beside=True)
    columns = min(len(legends), 2)
    heights = [PANEL_HEIGHT + _LEGEND_LINE * above] * math.ceil(len(legends) / columns)
    width = SINGLE_COLUMN if columns == 1 else DOUBLE_COLUMN
    return Sheet(*_grid(len(legends), columns, width, heights), legend_beside=False)


def _grid(
    count: int, columns: int, width: float, heights: Sequence[float]
) -> tuple[Figure, list[Axes]]:
    figure = new_figure(width, sum(heights))
    grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    return figure, [figure.add_subplot(grid[divmod(place, columns)]) for place in range(count)]


def _lines_above(labels: Sequence[str]) -> int:
    tallest = max(map(_line_count, labels), default=0)
    return math.ceil(len(labels) / legend_columns(labels)) * tallest


def _line_count(label: str) -> int:
    return label.count("\n") + 1


def pack(
    groups: Iterable[Sequence[Item]],
    most: int = MOST_LINES,
    size: Callable[[Sequence[Item]], int] = len,
) -> list[list[Item]]:
    """Spread items over panels, keeping groups together where they fit.

    Args:
        groups: Items that belong together.
        most: Largest size of a panel; a single item larger than it still gets a panel.
        size: Size of a panel that holds these items.
    """
    filled: list[list[Item]] = []
    for group in groups:
        if filled and size([*filled[-1], *group]) <= most:
            filled[-1].extend(group)
        else:
            filled.extend(_split(group, most, size))
    return filled


def _split(
    group: Sequence[Item], most: int, size: Callable[[Sequence[Item]], int]
) -> Iterator[list[Item]]:
    part: list[Item] = []
    for item in group:
        if part and size([*part, item]) > most:
            yield part
            part = []
        part.append(item)
    if part:
        yield part


def seed_alpha(count: int) -> float:
    """Opacity of one seed's mark, fainter the more of them lie over each other."""
    return max(0.12, min(0.45, 3 / max(count, 1)))


def draw_seeds(
    axes: Axes, dots: Sequence[tuple[float, float]], look: LineStyle, most: int
) -> Line2D:
    """Draw every seed of a line's points as a faint dot.

    Args:
        axes: Where.
        dots: Place and value of each.
        look: Of the line.
        most: Seeds of the point that has most, which set the dots' opacity.
    """
    (drawn,) = axes.plot(
        [place for place, _ in dots],
        [value for _, value in dots],
        linestyle="none",
        marker="o",
        markersize=2.3,
        markeredgecolor="none",
        color=look.colour,
        alpha=seed_alpha(most),
        zorder=2,
    )
    return drawn


def seed_jitter(index: int) -> float:
    """Sideways place of a seed's dot, within 0.5 of the middle: spread evenly, and never random.

    The places are multiples of the golden ratio, which spread evenly for any number of dots.
    """
    return (index * _GOLDEN) % 1.0 - 0.5


def scale_x(
    axes: Axes, values: Iterable[float], *, wide_from: float = 20, tick_room: float = TICK_ROOM
) -> None:
    """Scale an axis to the values on it, and tick them where they leave room.

    The scale is logarithmic if positive values span more than a factor of `wide_from`, linear near
    zero (symlog) if zero is among them, and linear otherwise. Ticks are apart by `tick_room` or
    more, a share of the axis.
    """
    ordered = sorted(set(values))
    if not ordered:
        return
    positive = [value for value in ordered if value > 0]
    wide = bool(positive) and positive[-1] > wide_from * positive[0] and ordered[0] >= 0
    if wide and ordered[0] == 0:
        axes.set_xscale("symlog", linthresh=positive[0])
    elif wide:
        axes.set_xscale("log")
    # In the scale's own unit, so that the margins look alike on both sides.
    transform = axes.xaxis.get_transform()
    low, high = (float(place) for place in transform.transform([ordered[0], ordered[-1]]))
    margin = 0.06 * (high - low) or 0.5
    limits = transform.inverted().transform([low - margin, high + margin])
    axes.set_xlim(float(limits[0]), float(limits[1]))
    axes.xaxis.set_major_locator(FixedLocator(_ticks(ordered, transform, tick_room, wide=wide)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _ticks(
    values: Sequence[float], transform: Transform, tick_room: float, *, wide: bool
) -> list[float]:
    """The first and last value, and those between that leave room for their labels."""
    first, last = values[0], values[-1]
    between: Sequence[float] = values[1:-1]
    if wide and len(values) > _MOST_TICKS:
        decades = (10.0**power for power in range(-12, 13))
        between = [decade for decade in decades if first < decade < last]
    room = tick_room * (_place(transform, last) - _place(transform, first))
    ticks = [first]
    for value in between:
        place = _place(transform, value)
        if place - _place(transform, ticks[-1]) >= room <= _place(transform, last) - place:
            ticks.append(value)
    return ticks if last == first else [*ticks, last]


def _place(transform: Transform, value: float) -> float:
    return float(transform.transform([value])[0])


def share_y(all_axes: Sequence[Axes]) -> None:
    """Give panels one vertical scale that includes zero, so that they can be compared."""
    limits = [axes.dataLim for axes in all_axes if math.isfinite(axes.dataLim.height)]
    low = min([0.0, *(limit.ymin for limit in limits)])
    high = max([0.0, *(limit.ymax for limit in limits)])
    margin = 0.05 * (high - low) or 1.0
    for axes in all_axes:
        axes.set_ylim(low - margin if low < 0 else 0.0, high + margin)


def encode(figure: Figure, file_format: Literal["png", "svg"]) -> bytes:
    """The bytes of a figure's file; equal figures give equal bytes, as no date is written."""
    buffer = io.BytesIO()
    metadata = {"Date": None} if file_format == "svg" else {"Software": None}
    with style.context(STYLE):
        figure.savefig(buffer, format=file_format, metadata=metadata)
    return buffer.getvalue()
