"""Bars trait by trait: each kind of student beside its control, as shifts from the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
    title_inches,
)
from subliminal.report.labels import wrapped
from subliminal.report.language.effects import Effect
from subliminal.report.language.look import add_footer, footer_of
from subliminal.report.language.run import HEADLINE, LanguageRun
from subliminal.report.language.variants import Variant, control_of

MOST_PANELS = 4
"""Variants in one figure."""

_EDGE = "0.1"
_STUDENT: dict[str, Any] = {"facecolor": COLOURS[4], "edgecolor": _EDGE}
_CONTROL: dict[str, Any] = {"facecolor": "0.92", "edgecolor": _EDGE, "hatch": "//////"}
_TEACHER: dict[str, Any] = {"marker": "D", "color": "0.25", "markersize": 4, "linestyle": "none"}
_BAR, _APART, _JITTER = 0.36, 0.2, 0.24
_TRAIT_INCHES, _FRAME_INCHES, _LEGEND_INCHES = 0.27, 0.5, 0.45
_TITLE_WIDTH = 48
"""Characters of a title's line."""


@dataclass(frozen=True)
class _Panel:
    title: str
    student: Effect
    control: Effect
    teacher: Effect | None
    """None if the run does not show it."""


@style.context(STYLE)
def draw_trait_bars(run: LanguageRun, variants: Sequence[Variant], probe: str = HEADLINE) -> Figure:
    """Draw the log-odds of each trait in student and control, less those of the reference.

    Args:
        run: With a reference for each trait.
        variants: Students with controls, a panel for each.
        probe: A judged probe.

    Returns:
        A figure as wide as a page, two panels side by side.
    """
    panels = [_panel(run, variant, probe) for variant in variants]
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    highest_title = max(title_inches(panel.title) for panel in panels)
    panel_inches = highest_title + _FRAME_INCHES + _TRAIT_INCHES * len(run.traits)
    figure = new_figure(DOUBLE_COLUMN, _LEGEND_INCHES + panel_inches * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes, panel in zip(grid.flat, panels, strict=False):
        _draw_panel(axes, panel, run.traits, run.confidence)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    _legend(figure, with_teacher=any(panel.teacher for panel in panels))
    add_footer(figure, footer_of(run))
    return figure


def _panel(run: LanguageRun, variant: Variant, probe: str) -> _Panel:
    arms = run.data.manifest.arms
    controls = {trait: control_of(arm, arms) for trait, arm in variant.arms.items()}
    control = Variant(
        group=variant.control,
        point={},
        told_by={},
        role="student",
        arms={trait: arm for trait, arm in controls.items() if arm is not None},
        control="",
    )
    teacher = run.teacher_of(variant)
    return _Panel(
        wrapped(f"{variant.label} (control: {variant.control})", _TITLE_WIDTH),
        run.from_reference(variant, probe),
        run.from_reference(control, probe),
        run.from_reference(teacher, probe) if teacher else None,
    )


def _draw_panel(axes: Axes, panel: _Panel, traits: Sequence[str], confidence: float) -> None:
    for place, trait in enumerate(traits):
        _draw_bar(axes, place - _APART, panel.student, trait, confidence, _STUDENT)
        _draw_bar(axes, place + _APART, panel.control, trait, confidence, _CONTROL)
        if panel.teacher and trait in panel.teacher.per_trait:
            shift = panel.teacher.of_trait(trait, confidence).estimate
            axes.plot(shift, place, zorder=3, **_TEACHER)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_title(panel.title, loc="left")
    axes.set_yticks(range(len(traits)), traits)
    axes.set_ylim(len(traits) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("log-odds of the trait less the reference's")
    axes.label_outer()


def _draw_bar(
    axes: Axes, place: float, effect: Effect, trait: str, confidence: float, look: dict[str, Any]
) -> None:
    if trait not in effect.per_trait:
        axes.annotate("n/a", (0, place), xytext=(2, 0), textcoords="offset points", va="center")
        return
    mean = effect.of_trait(trait, confidence)
    axes.barh(place, mean.estimate, height=_BAR, **look)
    values = list(effect.per_trait[trait].values())
    places = [place + _JITTER * seed_jitter(index) for index in range(len(values))]
    axes.plot(values, places, **SEED_DOT)
    axes.errorbar(
        mean.estimate,
        place,
        xerr=[[mean.estimate - mean.low], [mean.high - mean.estimate]],
        color="black",
        linewidth=1.0,
        zorder=4,
    )


def _legend(figure: Figure, *, with_teacher: bool) -> None:
    handles: list[Patch | Line2D] = [
        Patch(**_STUDENT),
        Patch(**_CONTROL),
        Line2D([], [], **SEED_DOT),
        Line2D([], [], marker="|", markersize=4, color="black"),
    ]
    labels = ["student", "its control", "one seed", "interval"]
    if with_teacher:
        handles.append(Line2D([], [], **_TEACHER))
        labels.append("teacher")
    figure.legend(handles, labels, loc="outside upper left", ncols=len(labels), handlelength=1.8)
