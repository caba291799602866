"""Curves of several measures side by side: what comes first while students learn."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.figure import Figure, SubFigure

from subliminal.report.drawing import (
    DOUBLE_COLUMN,
    PANEL_HEIGHT,
    STYLE,
    legend_columns,
    new_figure,
    pack,
)
from subliminal.report.language.look import add_footer
from subliminal.report.language.run import LOG_ODDS
from subliminal.report.language.transfer import (
    TransferLine,
    by_target,
    draw_panel,
    looks_of,
)

_LEGEND_LINE = 0.18
_TICK_ROOM = 0.16


@style.context(STYLE)
def draw_measures(lines: Sequence[TransferLine], footer: str, metric: str = LOG_ODDS) -> Figure:
    """Draw mean differences over steps, a column for each measure.

    Args:
        lines: Of one run, or of several with labels that tell them apart; not empty.
        footer: Printed below.
        metric: That of the lines.

    Returns:
        A figure with a row for students of tokens and one for those of logits, or more if there
        are over twelve lines. Each panel has a scale of its own: measures are compared by when they
        rise, not by how far.
    """
    measures = list(dict.fromkeys(line.measure for line in lines))
    rows = [
        (target, labels)
        for target, found in by_target(lines).items()
        for labels in pack([list(dict.fromkeys(line.label for line in found))])
    ]
    heights = [PANEL_HEIGHT + _LEGEND_LINE * _legend_lines(labels) for _, labels in rows]
    figure = new_figure(DOUBLE_COLUMN, sum(heights))
    parts = figure.subfigures(len(rows), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, (target, labels) in zip(parts, rows, strict=True):
        chosen = [line for line in lines if line.target == target and line.label in labels]
        _draw_row(part, measures, labels, chosen, metric)
    add_footer(figure, footer)
    return figure


def _draw_row(
    part: SubFigure,
    measures: Sequence[str],
    labels: Sequence[str],
    lines: Sequence[TransferLine],
    metric: str,
) -> None:
    """Draw the panels of some students, and name their lines once above."""
    looks = looks_of(labels)
    drawn: dict[str, Artist] = {}
    for axes, measure in zip(
        part.subplots(1, len(measures), squeeze=False)[0], measures, strict=True
    ):
        measured = [line for line in lines if line.measure == measure]
        drawn |= draw_panel(axes, measured, metric, looks, tick_room=_TICK_ROOM)
        axes.set_title(measure, loc="left")
        if measure != measures[0]:
            axes.set_ylabel("")
    part.legend(
        [drawn[label] for label in labels],
        labels,
        title=f"students of {lines[0].target}",
        alignment="left",
        loc="outside upper left",
        ncols=legend_columns(labels, DOUBLE_COLUMN),
    )


def _legend_lines(labels: Sequence[str]) -> int:
    """The lines of a legend with its title."""
    return 1 + math.ceil(len(labels) / legend_columns(labels, DOUBLE_COLUMN))
