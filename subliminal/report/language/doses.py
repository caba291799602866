"""Dose curves: the contrast, and the share of the teacher's shift, against a swept number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from subliminal.report.drawing import (
    STYLE,
    LineStyle,
    draw_seeds,
    line_style,
    new_sheet,
    pack,
    scale_x,
)
from subliminal.report.labels import path_label, path_name, value_text
from subliminal.report.language.effects import Effect
from subliminal.report.language.look import add_footer, footer_of, zero_line
from subliminal.report.language.run import HEADLINE, LanguageRun
from subliminal.report.language.variants import Variant
from subliminal.report.sweeps import sweep_paths, tied

LOG_FROM = 10
"""The axis is logarithmic where doses span more than this factor."""


@dataclass(frozen=True)
class DoseLine:
    """Variants that differ in one number alone, in its order."""

    label: str
    doses: tuple[float, ...]
    effects: tuple[Effect, ...]


def dose_paths(run: LanguageRun) -> list[str]:
    """The numbers that some group of compared students is swept over."""
    swept = {path for variant in run.compared for path in variant.point}
    return [path for path in sweep_paths(run.data.manifest.arms) if path in swept]


@style.context(STYLE)
def draw_doses(
    run: LanguageRun, variants: Sequence[Variant], path: str, probe: str = HEADLINE
) -> Figure:
    """Draw means over traits with their intervals over seeds, and a faint dot for each seed.

    Args:
        run: The run.
        variants: Students with controls, of which some are swept over the path.
        path: One of `dose_paths(run)`.
        probe: A judged probe.

    Returns:
        A figure as wide as a page: the contrast with the control, and beside it the share of the
        teacher's shift where that is known; more panels if there are over twelve lines. The axis
        is logarithmic if doses span more than tenfold.
    """
    quantities: dict[str, Callable[[Variant], Effect]] = {
        "log-odds of the trait,\nstudent less control": lambda v: run.from_control(v, probe),
        "share of the\nteacher's shift": lambda v: run.shares(v, probe),
    }
    panels = [
        (title, part)
        for title, measure in quantities.items()
        for part in pack([dose_lines(variants, path, measure)])
    ]
    sheet = new_sheet([[line.label for line in lines] for _, lines in panels] or [[]])
    for axes, (title, lines) in zip(sheet.panels, panels, strict=False):
        sheet.add_legend(axes, _draw_panel(axes, lines))
        axes.set_xlabel(path_label(path))
        axes.set_ylabel(title)
    add_footer(sheet.figure, footer_of(run))
    return sheet.figure


def dose_lines(
    variants: Sequence[Variant], path: str, measure: Callable[[Variant], Effect]
) -> list[DoseLine]:
    """The lines of a path's figure: students by group and their other swept values."""
    members: dict[str, list[tuple[float, Effect]]] = {}
    for variant in variants:
        if path in variant.point:
            effect = measure(variant)
            if effect.is_known:
                label = _label(variant, path, [v for v in variants if v.group == variant.group])
                members.setdefault(label, []).append((float(variant.point[path]), effect))
    return [
        DoseLine(label, *zip(*sorted(found, key=lambda pair: pair[0]), strict=True))
        for label, found in members.items()
    ]


def _label(variant: Variant, path: str, group: Sequence[Variant]) -> str:
    """The group, with what tells the line from the group's other lines."""
    points = [member.point for member in group]
    rest = [
        f"{path_name(other)} = {value_text(value)}"
        for other, value in variant.point.items()
        if other != path and not tied(points, other, path)
    ]
    return ", ".join([variant.group, *rest])


def _draw_panel(axes: Axes, lines: Sequence[DoseLine]) -> Mapping[str, Artist | ErrorbarContainer]:
    """Draw the lines of a panel; label -> what to show for it in the legend."""
    scale_x(axes, [dose for line in lines for dose in line.doses], wide_from=LOG_FROM)
    zero_line(axes)
    return {line.label: _draw_line(axes, line, line_style(i)) for i, line in enumerate(lines)}


def _draw_line(axes: Axes, line: DoseLine, look: LineStyle) -> ErrorbarContainer:
    means = [effect.mean for effect in line.effects]
    dots = [
        (dose, value)
        for dose, effect in zip(line.doses, line.effects, strict=True)
        for value in effect.by_seed.values()
    ]
    draw_seeds(axes, dots, look, max(len(effect.by_seed) for effect in line.effects))
    return axes.errorbar(
        line.doses,
        [mean.estimate for mean in means],
        yerr=[
            [mean.estimate - mean.low for mean in means],
            [mean.high - mean.estimate for mean in means],
        ],
        label=line.label,
        color=look.colour,
        linestyle=look.dashes,
        marker=look.marker,
        elinewidth=0.8,
        zorder=3,
    )
