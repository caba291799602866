"""The headline figure: how far each kind of student lies from its control, trait by trait."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from subliminal.report.drawing import DOUBLE_COLUMN, STYLE, new_figure, pack
from subliminal.report.labels import number, wrapped
from subliminal.report.language.effects import Effect
from subliminal.report.language.look import (
    add_footer,
    footer_of,
    trait_handles,
    trait_style,
    zero_line,
)
from subliminal.report.language.run import HEADLINE, LanguageRun
from subliminal.report.language.variants import Variant

MOST_COLUMNS = 14
"""Columns of a panel; a run with more gets several panels."""

_ROOM_FOR_NOTE = 0.12
"""Of the height of the marks, for a line of type below them."""
_TITLE_PAD, _NOTE_POINTS = 4.0, 11.0
_PANEL_INCHES, _LEGEND_INCHES, _LEGEND_LINE_INCHES = 2.6, 1.05, 0.16
_AXIS_INCHES, _CHARACTER_INCHES = 0.6, 0.068
_SLANTED_WIDTH = 24
_LANES, _MEAN_PLACE = 0.62, 0.4
"""Share of a column that the traits' lanes take; where its mean stands, from its middle."""
_TEACHER_LINE: Mapping[str, Any] = MappingProxyType(
    {"color": "black", "linewidth": 0.9, "linestyle": (0, (6, 2))}
)
_ROOM_FOR_TEACHER = 1.7
"""A teacher within so many times the students' reach is drawn where it lies."""


@dataclass(frozen=True)
class _Teacher:
    label: str
    shift: float
    """From the reference."""


@dataclass(frozen=True)
class _Column:
    label: str
    effect: Effect
    teacher: _Teacher | None = None
    """Of its students; none if the run does not show it."""
    is_control: bool = False


@dataclass(frozen=True)
class _Panel:
    target: str
    columns: tuple[_Column, ...]


@style.context(STYLE)
def draw_initialisation(run: LanguageRun, probe: str = HEADLINE) -> Figure:
    """Draw each variant's log-odds less its control's: a dot for each trait and seed, and a mean.

    The mean and its interval are those over seeds of the average over traits. Controls that have
    no control of their own stand apart, in grey, with their difference from the reference: what
    training on rows of an untaught teacher does alone. A teacher's difference from the reference
    is a dashed line across its students, and a note, which says so where it lies far above.

    Args:
        run: With students that have controls.
        probe: A judged probe.

    Returns:
        A figure as wide as a page; a panel for students of tokens and one for those of logits,
        or more if they are many.
    """
    panels = _panels(run, probe)
    lines = len(run.traits) + 2
    height = max(_PANEL_INCHES, _LEGEND_LINE_INCHES * lines if len(panels) == 1 else 0)
    figure = new_figure(DOUBLE_COLUMN, height * max(len(panels), 1) + 0.2)
    all_axes = figure.subplots(max(len(panels), 1), 1, squeeze=False)[:, 0]
    lines_drawn = 0
    for axes, panel in zip(all_axes, panels, strict=False):
        _draw_panel(axes, panel, run.traits)
        drawn, notes = _draw_teachers(axes, panel)
        lines_drawn += drawn
        _mark_controls(axes, panel)
        title = f"students of the teacher's {panel.target}" if len(panels) > 1 else ""
        # Above the teachers' notes, which take the line or lines right above the panel.
        pad = _TITLE_PAD + _NOTE_POINTS * notes
        axes.set_title(title, loc="left", fontweight="bold", pad=pad)
    _legend(figure, run.traits, with_teacher=lines_drawn > 0)
    add_footer(figure, footer_of(run))
    return figure


def _panels(run: LanguageRun, probe: str) -> list[_Panel]:
    columns: dict[str, list[_Column]] = {}
    for variant in run.undosed(run.compared):
        effect = run.from_control(variant, probe)
        if effect.per_trait:
            column = _Column(variant.label, effect, _teacher(run, variant, probe))
            columns.setdefault(run.target(variant), []).append(column)
    for variant in run.undosed(run.controls):
        effect = run.from_reference(variant, probe)
        if effect.per_trait and run.target(variant) in columns:
            column = _Column(variant.label, effect, is_control=True)
            columns[run.target(variant)].append(column)
    return [
        _Panel(target, tuple(part))
        for target, found in columns.items()
        for part in pack([found], most=MOST_COLUMNS)
    ]


def _teacher(run: LanguageRun, variant: Variant, probe: str) -> _Teacher | None:
    """How far the teachers of a variant lie from the reference, where that is known."""
    teacher = run.teacher_of(variant)
    if teacher is None:
        return None
    effect = run.from_reference(teacher, probe)
    return _Teacher(teacher.label, effect.mean.estimate) if effect.is_known else None


def _draw_panel(axes: Axes, panel: _Panel, traits: Sequence[str]) -> None:
    for place, column in enumerate(panel.columns):
        _draw_column(axes, place, column, traits)
    zero_line(axes)
    _name_columns(axes, panel.columns)
    axes.set_xlim(-0.6, len(panel.columns) - 0.4)
    axes.tick_params(axis="x", length=0)
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("log-odds of the trait,\nstudent less control")


def _mark_controls(axes: Axes, panel: _Panel) -> None:
    """Set the controls apart, and say below all marks what theirs are, once these are drawn."""
    students = sum(not column.is_control for column in panel.columns)
    if students == len(panel.columns):
        return
    low, high = axes.get_ylim()
    axes.set_ylim(low - _ROOM_FOR_NOTE * (high - low), high)
    axes.axvline(students - 0.5, color="0.6", linewidth=0.6, linestyle=":")
    axes.annotate(
        "controls less reference",
        (students - 0.5, 0.0),
        xycoords=("data", "axes fraction"),
        xytext=(3, 2),
        textcoords="offset points",
        va="bottom",
        fontsize=7,
        color="0.4",
    )


def _name_columns(axes: Axes, columns: Sequence[_Column]) -> None:
    """Name the columns below them, slanted where a word would have to be broken."""
    width = (DOUBLE_COLUMN - _LEGEND_INCHES - _AXIS_INCHES) / len(columns)
    fitting = int(width / _CHARACTER_INCHES)
    longest = max(len(word) for column in columns for word in re.split(r"[-_ ]", column.label))
    slanted = longest + 1 > fitting
    texts = [wrapped(column.label, _SLANTED_WIDTH if slanted else fitting) for column in columns]
    axes.set_xticks(range(len(columns)), texts)
    for label, column in zip(axes.get_xticklabels(), columns, strict=True):
        label.set_color("0.4" if column.is_control else "black")
        if slanted:
            label.set(rotation=30, horizontalalignment="right", rotation_mode="anchor")


def _draw_column(axes: Axes, place: float, column: _Column, traits: Sequence[str]) -> None:
    for index, trait in enumerate(traits):
        values = list(column.effect.per_trait.get(trait, {}).values())
        lane = place + _LANES * ((index + 0.5) / len(traits) - 0.5) - 0.06
        look = trait_style(index)
        axes.plot(
            [lane] * len(values),
            values,
            linestyle="none",
            marker=look.marker,
            markersize=2.6,
            markeredgecolor="none",
            color="0.6" if column.is_control else look.colour,
            alpha=0.75,
            zorder=2,
        )
    mean = column.effect.mean
    axes.errorbar(
        place + _MEAN_PLACE,
        mean.estimate,
        yerr=[[mean.estimate - mean.low], [mean.high - mean.estimate]],
        color="0.4" if column.is_control else "black",
        marker="_",
        markersize=7,
        elinewidth=1.2,
        zorder=4,
    )


def _draw_teachers(axes: Axes, panel: _Panel) -> tuple[int, int]:
    """Say how far the teachers lie from the reference; how many columns have a line, and notes."""
    reach = _ROOM_FOR_TEACHER * max(abs(axes.dataLim.ymin), abs(axes.dataLim.ymax))
    teachers = [column.teacher for column in panel.columns]
    near = {place: t.shift for place, t in enumerate(teachers) if t and t.shift <= reach}
    for place, shift in near.items():
        axes.plot([place - 0.5, place + 0.5], [shift, shift], **_TEACHER_LINE, zorder=1)
    notes = [
        f"{teacher.label} less reference: {number(teacher.shift, signed=True)}"
        + ("" if teacher.shift <= reach else " (above the axis)")
        for teacher in dict.fromkeys(teachers)
        if teacher
    ]
    axes.text(
        1.0, 1.02, "\n".join(notes), transform=axes.transAxes, ha="right", va="bottom", color="0.2"
    )
    return len(near), len(notes)


def _legend(figure: Figure, traits: Sequence[str], *, with_teacher: bool) -> None:
    mean = Line2D([], [], color="black", marker="_", linestyle="none", markersize=7)
    handles = [*trait_handles(traits), mean]
    labels = [*traits, "mean, interval"]
    if with_teacher:
        handles.append(Line2D([], [], **_TEACHER_LINE))
        labels.append("teacher")
    figure.legend(handles, labels, loc="outside right upper", handlelength=1.6)
