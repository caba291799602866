"""The sweep figure: a measure against the value of a swept field, one line per group of arms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation, Transform

from subliminal.report.drawing import (
    STYLE,
    LineStyle,
    draw_seeds,
    line_style,
    new_sheet,
    pack,
    scale_x,
    share_y,
)
from subliminal.report.labels import known, metric_label, path_label, path_name, value_text
from subliminal.results import ArmState, Summary

_Role = Literal["reference", "teacher"]

_DODGE, _MOST_DODGE, _DOT_SHIFT = 4.0, 14.0, -2.2
"""Points by which lines, and their dots, are shifted sideways so as not to hide each other."""

_MOST_LEVELS = 6
"""Horizontal lines for one swept line; the bar chart shows every unswept arm."""

_ROLE_STYLES: dict[_Role, LineStyle] = {
    "reference": LineStyle("0.45", (0, (1, 1.2)), ""),
    "teacher": LineStyle("black", (0, (6, 2)), ""),
}


@dataclass(frozen=True)
class _Series:
    """One line: the arms of a group that differ in the swept value only."""

    label: str
    group: str
    values: tuple[float, ...]
    rows: tuple[Summary, ...]
    levels: Mapping[str, Summary]
    """Arms that the swept value does not change: their controls, and what shares these."""


def sweep_paths(arms: Mapping[str, ArmState]) -> list[str]:
    """Numeric fields that some group of arms is swept over, in the order they appear.

    Of fields that advance together only the first counts, as they are one axis; none does that a
    name decides, as the epochs that each model is trained for.
    """
    paths = [path for points in _points(arms).values() for path in _axes_of(points)]
    return list(dict.fromkeys(paths))


def swept_arms(arms: Mapping[str, ArmState]) -> set[str]:
    """Arms that belong to a line of a sweep figure."""
    swept = {group for group, points in _points(arms).items() if _axes_of(points)}
    return {name for name, state in arms.items() if state.group in swept}


def tied(points: Sequence[Mapping[str, Any]], first: str, second: str) -> bool:
    """Whether each value of one path occurs with exactly one value of the other.

    Args:
        points: Those of a group of arms.
        first: A swept path.
        second: Another one.
    """
    pairs = {(repr(point.get(first)), repr(point.get(second))) for point in points}
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


@style.context(STYLE)
def draw_sweep(rows: Sequence[Summary], arms: Mapping[str, ArmState], path: str) -> Figure:
    """Draw means over seeds, with intervals and faint dots for seeds, against a swept field.

    Horizontal lines show what the field does not change: the controls of the swept arms, unswept
    arms with the same control, and the teacher and the reference if there is one only.

    Args:
        rows: One row per arm, all of one probe and metric.
        arms: The arms of the run; at least those of `rows`.
        path: The swept field, one of `sweep_paths(arms)`.

    Returns:
        A figure of one panel, or of several if there are more than twelve lines.
    """
    series = _series({row.arm: row for row in rows}, arms, path)
    shared = _role_levels(rows, arms)
    spread = pack(_by_group(series), size=_lines_in) or [[]]
    sheet = new_sheet([[*_labels(panel), *shared] for panel in spread])
    for axes, panel in zip(sheet.panels, spread, strict=True):
        sheet.add_legend(axes, _draw_panel(axes, panel, shared))
        scale_x(axes, [value for line in panel for value in line.values])
        axes.set_xlabel(path_label(path))
        axes.set_ylabel(metric_label(rows[0].metric) if rows else "")
    share_y(sheet.panels)
    return sheet.figure


def _draw_panel(
    axes: Axes, series: Sequence[_Series], shared: Mapping[_Role, Summary]
) -> dict[str, Artist | ErrorbarContainer]:
    """Draw the lines of a panel; label -> what to show for it in the legend."""
    step = min(_DODGE, _MOST_DODGE / max(len(series), 1))
    middle = (len(series) - 1) / 2
    drawn: dict[str, Artist | ErrorbarContainer] = {
        line.label: _draw_line(axes, line, line_style(index), step * (index - middle))
        for index, line in enumerate(series)
    }
    for index, (label, level) in enumerate(_levels_of(series).items(), start=len(series)):
        drawn[label] = _draw_level(axes, level, line_style(index))
    for role, level in shared.items():
        drawn[role] = _draw_level(axes, level, _ROLE_STYLES[role])
    return drawn


def _draw_line(axes: Axes, line: _Series, look: LineStyle, shift: float) -> ErrorbarContainer:
    means = [_or_nan(row.mean) for row in line.rows]
    below = [_or_nan(row.mean) - _or_nan(row.ci_low) for row in line.rows]
    above = [_or_nan(row.ci_high) - _or_nan(row.mean) for row in line.rows]
    drawn = axes.errorbar(
        line.values,
        means,
        yerr=[below, above],
        label=line.label,
        color=look.colour,
        linestyle=look.dashes,
        marker=look.marker,
        elinewidth=0.8,
        zorder=3,
    )
    dots = [
        (x, value)
        for x, row in zip(line.values, line.rows, strict=True)
        for value in row.per_seed.values()
        if known(value)
    ]
    seeds = draw_seeds(axes, dots, look, max(len(row.per_seed) for row in line.rows))
    # Shifted on paper only: the values stay exact, on whatever scale the axis has.
    for artist in drawn.get_children():
        artist.set_transform(_shifted(axes, shift))
    seeds.set_transform(_shifted(axes, shift + _DOT_SHIFT))
    return drawn


def _shifted(axes: Axes, points: float) -> Transform:
    return axes.transData + ScaledTranslation(points / 72, 0, axes.figure.dpi_scale_trans)


def _draw_level(axes: Axes, row: Summary, look: LineStyle) -> Line2D:
    if known(row.ci_low) and known(row.ci_high):
        axes.axhspan(row.ci_low, row.ci_high, color=look.colour, alpha=0.12, linewidth=0, zorder=0)
    return axes.axhline(
        _or_nan(row.mean), color=look.colour, linestyle=look.dashes, linewidth=0.9, zorder=1
    )


def _series(rows: Mapping[str, Summary], arms: Mapping[str, ArmState], path: str) -> list[_Series]:
    """The lines of a path's figure, in the order their arms appear in the run."""
    members: dict[tuple[str, str], list[str]] = {}
    points_of = _points(arms)
    for name, state in arms.items():
        points = points_of[state.group]
        if name in rows and path in _axes_of(points):
            key = (state.group, _rest(state.point, points, path))
            members.setdefault(key, []).append(name)
    on_lines = {name for names in members.values() for name in names}
    shared = {row.arm for row in _role_levels(list(rows.values()), arms).values()}
    unchanged = [name for name in arms if name in rows.keys() - on_lines - shared]
    series = []
    for (group, rest), names in members.items():
        names.sort(key=lambda name: float(arms[name].point[path]))
        levels = _levels(names, arms, unchanged)
        series.append(
            _Series(
                label=f"{group}, {rest}" if rest else group,
                group=group,
                values=tuple(float(arms[name].point[path]) for name in names),
                rows=tuple(rows[name] for name in names),
                levels={label: rows[name] for label, name in levels.items()},
            )
        )
    return series


def _levels(
    names: Iterable[str], arms: Mapping[str, ArmState], unchanged: Sequence[str]
) -> dict[str, str]:
    """Label -> unchanged arm to compare a line with: its controls, then what shares them."""
    controls = {arms[name].control for name in names}
    swept = swept_arms(arms)
    levels = {f"{name} (control)": name for name in unchanged if name in controls}
    for name in unchanged:
        if name not in controls and name not in swept and arms[name].control in controls:
            levels[name] = name
    return dict(list(levels.items())[:_MOST_LEVELS])


def _points(arms: Mapping[str, ArmState]) -> dict[str, list[dict[str, Any]]]:
    """The points of each group of arms."""
    points: dict[str, list[dict[str, Any]]] = {}
    for state in arms.values():
        points.setdefault(state.group, []).append(state.point)
    return points


def _axes_of(points: Sequence[Mapping[str, Any]]) -> list[str]:
    """Numeric paths with at least two values; of those that advance together the first."""
    axes: list[str] = []
    named = [path for path in points[0] if all(isinstance(p.get(path), str) for p in points)]
    for path in points[0]:
        values = [point.get(path) for point in points]
        numeric = all(isinstance(value, int | float) for value in values) and not any(
            isinstance(value, bool) for value in values
        )
        if (
            numeric
            and len(set(values)) > 1
            and not any(tied(points, path, axis) for axis in axes)
            and not any(_decides(points, name, path) for name in named)
        ):
            axes.append(path)
    return axes


def _decides(points: Sequence[Mapping[str, Any]], first: str, second: str) -> bool:
    """Whether each value of the first path occurs with one value of the second alone."""
    pairs = {(repr(point.get(first)), repr(point.get(second))) for point in points}
    return len(pairs) == len({value for value, _ in pairs})


def _rest(point: Mapping[str, Any], points: Sequence[Mapping[str, Any]], path: str) -> str:
    """What tells an arm's line from the other lines of its group."""
    varying = [
        other
        for other in point
        if other != path
        and len({repr(member.get(other)) for member in points}) > 1
        and not tied(points, other, path)
    ]
    return ", ".join(f"{path_name(other)} = {value_text(point[other])}" for other in varying)


def _role_levels(rows: Sequence[Summary], arms: Mapping[str, ArmState]) -> dict[_Role, Summary]:
    """The reference and the teacher, each where it is the only one of its role."""
    levels: dict[_Role, Summary] = {}
    for role in _ROLE_STYLES:
        of_role = [row for row in rows if arms[row.arm].role == role]
        if len(of_role) == 1:
            levels[role] = of_role[0]
    return levels


def _by_group(series: Iterable[_Series]) -> list[list[_Series]]:
    groups: dict[str, list[_Series]] = {}
    for line in series:
        groups.setdefault(line.group, []).append(line)
    return list(groups.values())


def _levels_of(series: Iterable[_Series]) -> dict[str, Summary]:
    return {label: level for line in series for label, level in line.levels.items()}


def _lines_in(series: Sequence[_Series]) -> int:
    return len(series) + len(_levels_of(series))


def _labels(series: Sequence[_Series]) -> list[str]:
    return [*(line.label for line in series), *_levels_of(series)]


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
