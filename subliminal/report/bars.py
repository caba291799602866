"""The bar chart: every unswept arm with its seeds, students beside their control."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from subliminal.report.drawing import (
    COLOURS,
    DOUBLE_COLUMN,
    SEED_DOT,
    STYLE,
    new_figure,
    seed_jitter,
)
from subliminal.report.labels import MISSING, known, metric_label, number, wrapped
from subliminal.results import ArmState, Summary

Kind = Literal["reference", "teacher", "control", "student"]

NAME_WIDTH = 40
"""Characters of an arm's name in one line beside its bar."""

_EDGE = "0.1"
_FILLS: dict[Kind, str] = {
    "reference": "white",
    "teacher": "0.45",
    "control": "0.92",
    "student": COLOURS[4],
}
_HATCHES: dict[Kind, str] = {"reference": "", "teacher": "", "control": "//////", "student": ""}
_KIND_NAMES: dict[Kind, str] = {
    "reference": "untrained reference",
    "teacher": "teacher",
    "control": "control",
    "student": "student",
}

# Heights in lines of an arm's name, so that a name of several lines gets its room.
_BAR, _ROOM, _GAP = 1.15, 1.7, 0.45
_LINE_INCHES, _FRAME_INCHES = 0.135, 0.85
_JITTER = 0.75


@dataclass(frozen=True)
class _Bar:
    row: Summary
    kind: Kind
    label: str
    place: float
    """Vertical position of the bar's middle, in lines of text from the top."""


@style.context(STYLE)
def draw_bars(rows: Sequence[Summary], arms: Mapping[str, ArmState]) -> Figure:
    """Draw the mean of each arm over seeds as a bar, with its interval and one dot per seed.

    A dashed line marks the reference where there is exactly one. An arm without a mean has no
    bar: "n/a" stands in its place.

    Args:
        rows: One row per arm, all of one probe and metric.
        arms: The arms of the run, in the order to draw; at least those of `rows`.

    Returns:
        A figure as wide as a page, its height growing with the number of arms.
    """
    bars, height = _bars({row.arm: row for row in rows}, arms)
    figure = new_figure(DOUBLE_COLUMN, _FRAME_INCHES + _LINE_INCHES * height)
    axes = figure.add_subplot()
    for bar in bars:
        _draw_bar(axes, bar)
    _draw_reference(axes, bars)
    axes.set_yticks([bar.place for bar in bars], [bar.label for bar in bars])
    axes.set_ylim(height, 0)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(metric_label(rows[0].metric) if rows else "")
    _legend(figure, bars)
    return figure


def clusters(names: Iterable[str], arms: Mapping[str, ArmState]) -> list[list[str]]:
    """Order arms for display: references, teachers, then students beside their controls.

    Args:
        names: The arms to order.
        arms: The arms of the run; their order decides where nothing else does.

    Returns:
        Lists of arms that belong side by side; within each the controls come first.
    """
    chosen = set(names)
    ordered = [name for name in arms if name in chosen]
    of_role = {
        role: [name for name in ordered if arms[name].role == role]
        for role in ("reference", "teacher")
    }
    students = [name for name in ordered if arms[name].role == "student"]
    groups = [of_role["reference"], of_role["teacher"], *_families(students, arms)]
    return [group for group in groups if group]


def _families(students: list[str], arms: Mapping[str, ArmState]) -> list[list[str]]:
    """Students joined by being each other's control, directly or over others."""
    families: list[list[str]] = []
    for name in students:
        control = arms[name].control
        related = [
            family
            for family in families
            if control in family or any(arms[member].control == name for member in family)
        ]
        joined = [member for family in related for member in family]
        families = [family for family in families if family not in related]
        families.append([*joined, name])
    controls = controls_of(arms)
    position = {name: place for place, name in enumerate(arms)}
    for family in families:
        family.sort(key=lambda name: (name not in controls, position[name]))
    families.sort(key=lambda family: min(position[name] for name in family))
    return families


def controls_of(arms: Mapping[str, ArmState]) -> set[str]:
    """The arms that others name as their control."""
    named = {state.control for state in arms.values() if state.control is not None}
    return named & arms.keys()


def _bars(rows: Mapping[str, Summary], arms: Mapping[str, ArmState]) -> tuple[list[_Bar], float]:
    """The bars from the top down, and the height they take, both in lines of text."""
    controls = controls_of(arms)
    bars = []
    top = _GAP
    for cluster in clusters(rows, arms):
        for name in cluster:
            label = wrapped(name, NAME_WIDTH)
            room = _ROOM + label.count("\n")
            bars.append(_Bar(rows[name], _kind(name, arms, controls), label, top + room / 2))
            top += room
        top += _GAP
    return bars, top


def _kind(name: str, arms: Mapping[str, ArmState], controls: set[str]) -> Kind:
    role = arms[name].role
    return "control" if role == "student" and name in controls else role


def _draw_bar(axes: Axes, bar: _Bar) -> None:
    row = bar.row
    if known(row.mean):
        axes.barh(
            bar.place,
            row.mean,
            height=_BAR,
            facecolor=_FILLS[bar.kind],
            hatch=_HATCHES[bar.kind],
            edgecolor=_EDGE,
        )
    dots = [value for _, value in sorted(row.per_seed.items()) if known(value)]
    places = [bar.place + _JITTER * seed_jitter(index) for index in range(len(dots))]
    axes.plot(dots, places, **SEED_DOT)
    if known(row.mean) and known(row.ci_low) and known(row.ci_high):
        axes.errorbar(
            row.mean,
            bar.place,
            xerr=[[row.mean - row.ci_low], [row.ci_high - row.mean]],
            color="black",
            linewidth=1.2,
            zorder=4,
        )
    text = number(row.mean)
    axes.annotate(
        text,
        (1.012, bar.place),
        xycoords=("axes fraction", "data"),
        verticalalignment="center",
        color="0.4" if text == MISSING else "black",
        annotation_clip=False,
    )


def _draw_reference(axes: Axes, bars: Sequence[_Bar]) -> None:
    means = [bar.row.mean for bar in bars if bar.kind == "reference"]
    if len(means) == 1 and known(means[0]):
        axes.axvline(means[0], color="black", linestyle="--", linewidth=0.8, zorder=2)


def _legend(figure: Figure, bars: Sequence[_Bar]) -> None:
    drawn = {bar.kind for bar in bars}
    kinds = [kind for kind in _FILLS if kind in drawn]
    handles: list[Patch | Line2D] = [
        Patch(facecolor=_FILLS[kind], hatch=_HATCHES[kind], edgecolor=_EDGE) for kind in kinds
    ]
    handles.append(Line2D([], [], **SEED_DOT))
    handles.append(Line2D([], [], marker="|", markersize=4, color="black"))
    labels = [*(_KIND_NAMES[kind] for kind in kinds), "one seed", "interval"]
    figure.legend(handles, labels, loc="outside upper left", ncols=len(labels), handlelength=1.8)
