"""Curves over distillation steps: the trait as it arrives, and how aligned the training is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from subliminal.report.drawing import (
    STYLE,
    LineStyle,
    line_style,
    new_sheet,
    pack,
    scale_x,
    seed_alpha,
    share_y,
)
from subliminal.report.labels import known, metric_label
from subliminal.results import ALIGNMENT_METRICS, CurvePoint
from subliminal.stats import Interval, t_interval

STEP_LABEL = "distillation step (batches)"


@dataclass(frozen=True)
class _Line:
    arm: str
    steps: tuple[int, ...]
    seeds: tuple[tuple[float, ...], ...]
    """Values of each seed, shape (seeds, steps); NaN where a seed was not measured."""
    mean: tuple[Interval, ...]


@dataclass(frozen=True)
class _Panel:
    title: str
    metric: str
    lines: tuple[_Line, ...]


@style.context(STYLE)
def draw_curves(
    points: Sequence[CurvePoint], *, metric: str = "accuracy", confidence: float = 0.95
) -> Figure:
    """Draw a metric over distillation steps: mean over seeds, its interval and each seed faintly.

    Args:
        points: Measurements; those of other metrics are left out.
        metric: The metric to draw.
        confidence: Coverage of the Student t interval over seeds.

    Returns:
        A figure with a panel for each item group, and more if there are over twelve arms.
    """
    return _draw(_panels(points, [metric], confidence), zero_line=False)


@style.context(STYLE)
def draw_alignment(points: Sequence[CurvePoint], *, confidence: float = 0.95) -> Figure:
    """Draw the cosines between distillation and trait: of gradients, and of displacements.

    Args:
        points: Measurements; those of other metrics are left out.
        confidence: Coverage of the Student t interval over seeds.

    Returns:
        A figure with a panel for each cosine that was measured, and a line at zero.
    """
    return _draw(_panels(points, ALIGNMENT_METRICS, confidence), zero_line=True)


def _draw(spread: Sequence[_Panel], *, zero_line: bool) -> Figure:
    sheet = new_sheet([[line.arm for line in panel.lines] for panel in spread] or [[]])
    for axes, panel in zip(sheet.panels, spread, strict=False):
        sheet.add_legend(axes, _draw_panel(axes, panel))
        if zero_line:
            axes.axhline(0, color="black", linewidth=0.6, zorder=1)
    for metric in {panel.metric for panel in spread}:
        shown = zip(sheet.panels, spread, strict=True)
        share_y([axes for axes, panel in shown if panel.metric == metric])
    return sheet.figure


def _draw_panel(axes: Axes, panel: _Panel) -> dict[str, Artist | ErrorbarContainer]:
    """Draw the lines of a panel; label -> what to show for it in the legend."""
    scale_x(axes, [step for line in panel.lines for step in line.steps])
    axes.set_xlabel(STEP_LABEL)
    axes.set_ylabel(metric_label(panel.metric))
    if panel.title:
        axes.text(0.02, 0.97, panel.title, transform=axes.transAxes, ha="left", va="top")
    return {
        line.arm: _draw_line(axes, line, line_style(index))
        for index, line in enumerate(panel.lines)
    }


def _draw_line(axes: Axes, line: _Line, look: LineStyle) -> Artist:
    if len(line.seeds) > 1:
        for values in line.seeds:
            axes.plot(
                line.steps,
                values,
                color=look.colour,
                linewidth=0.4,
                alpha=seed_alpha(len(line.seeds)),
                zorder=1,
            )
    axes.fill_between(
        line.steps,
        [interval.low for interval in line.mean],
        [interval.high for interval in line.mean],
        color=look.colour,
        alpha=0.18,
        linewidth=0,
        zorder=2,
    )
    (mean,) = axes.plot(
        line.steps,
        [interval.estimate for interval in line.mean],
        label=line.arm,
        color=look.colour,
        linestyle=look.dashes,
        marker=look.marker,
        markersize=3,
        zorder=3,
    )
    return mean


def _panels(
    points: Sequence[CurvePoint], metrics: Iterable[str], confidence: float
) -> list[_Panel]:
    """One panel for each metric, item group and handful of arms."""
    spread: list[_Panel] = []
    for metric in metrics:
        of_metric = [point for point in points if point.metric == metric]
        groups = list(dict.fromkeys(point.item_group for point in of_metric))
        for group in groups:
            lines = _lines([p for p in of_metric if p.item_group == group], confidence)
            title = group if len(groups) > 1 else ""
            spread.extend(_Panel(title, metric, tuple(part)) for part in pack(_by_sweep(lines)))
    return spread


def _lines(points: Iterable[CurvePoint], confidence: float) -> list[_Line]:
    measured: dict[str, dict[int, dict[int, float]]] = {}
    for point in points:
        if known(point.value):
            measured.setdefault(point.arm, {}).setdefault(point.seed, {})[point.step] = point.value
    return [_line(arm, seeds, confidence) for arm, seeds in measured.items()]


def _line(arm: str, seeds: dict[int, dict[int, float]], confidence: float) -> _Line:
    steps = sorted({step for values in seeds.values() for step in values})
    return _Line(
        arm=arm,
        steps=tuple(steps),
        seeds=tuple(
            tuple(values.get(step, math.nan) for step in steps)
            for _, values in sorted(seeds.items())
        ),
        mean=tuple(
            t_interval(
                [values[step] for values in seeds.values() if step in values],
                confidence=confidence,
            )
            for step in steps
        ),
    )


def _by_sweep(lines: Iterable[_Line]) -> list[list[_Line]]:
    """Lines of one sweep side by side: their arms are named `group[field=value]`."""
    groups: dict[str, list[_Line]] = {}
    for line in lines:
        groups.setdefault(line.arm.partition("[")[0], []).append(line)
    return list(groups.values())
