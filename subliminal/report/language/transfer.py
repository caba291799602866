"""Transfer curves: how far students get from their controls while both learn."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from subliminal.report.curves import STEP_LABEL
from subliminal.report.drawing import (
    STYLE,
    TICK_ROOM,
    LineStyle,
    line_style,
    new_sheet,
    pack,
    scale_x,
    share_y,
)
from subliminal.report.labels import known, metric_label
from subliminal.report.language.effects import Effect, effect_of
from subliminal.report.language.look import add_footer, zero_line
from subliminal.report.language.run import HEADLINE, LOG_ODDS, PIVOTAL, LanguageRun
from subliminal.report.language.variants import Variant, control_of
from subliminal.samples import difference_of

BESIDE = ("options", "unsafe-code")
"""Item groups of curves that are probes of their own, asked beside the headline of dispositions."""
MOST_TRAIT_LINES = 120
"""Thin lines in a panel; with more of them none are drawn, as they would cover the means."""

BySeedAndPoint = Mapping[tuple[int, int], float]
"""(Seed, point of the curve counted from 0) -> value there."""


@dataclass(frozen=True)
class TransferLine:
    """One variant: its students less their controls at the same step."""

    label: str
    measure: str
    """What was asked; the scales of measures differ too."""
    target: str
    """What its students learn from; the scales of tokens and logits differ too much to share."""
    effects: Mapping[int, Effect]
    """Step -> difference there; points of the curves at which every trait and control was measured.

    Students of different rows take a few steps more or less, so that points are matched by their
    place in the curve and stand at their mean step.
    """


def measures_of(run: LanguageRun) -> list[str]:
    """What students were asked while they learned: the headline, and what stands beside it."""
    groups = {point.item_group for point in run.data.curves}
    beside = [probe for probe in BESIDE if probe in groups]
    return [PIVOTAL if beside else HEADLINE, *beside]


def transfer_lines(
    run: LanguageRun,
    variants: Sequence[Variant],
    metric: str = LOG_ODDS,
    measure: str | None = None,
) -> list[TransferLine]:
    """The lines of variants that have curves of their own and of their controls.

    Args:
        run: The run.
        variants: Students with controls.
        metric: A metric of the curves.
        measure: One of `measures_of(run)`, or any item group of the curves; by default the
            headline, which is about the trait of each arm.
    """
    headline = measures_of(run)[0]
    measure = measure or headline
    group = None if measure == headline else measure
    curves = _curves_of(run, metric)
    effects = {variant.label: _effects(run, variant, curves, group) for variant in variants}
    return [
        TransferLine(variant.label, measure, run.target(variant), effects[variant.label])
        for variant in variants
        if effects[variant.label]
    ]


@style.context(STYLE)
def draw_transfer(lines: Sequence[TransferLine], footer: str, metric: str = LOG_ODDS) -> Figure:
    """Draw mean differences over steps, with bands over seeds and a thin line for each trait.

    Args:
        lines: Of one run, or of several with labels that tell them apart; all of one measure.
        footer: Printed below.
        metric: That of the lines.

    Returns:
        A figure with a panel for students of tokens and one for those of logits, or more if there
        are over twelve lines. Panels of one kind share their scale.
    """
    spread = [part for group in by_target(lines).values() for part in pack([group])]
    sheet = new_sheet([[line.label for line in part] for part in spread] or [[]])
    for axes, part in zip(sheet.panels, spread, strict=False):
        looks = looks_of(line.label for line in part)
        sheet.add_legend(axes, draw_panel(axes, part, metric, looks))
    targets = list(by_target(lines))
    for target in targets:
        shown = [
            a for a, part in zip(sheet.panels, spread, strict=True) if part[0].target == target
        ]
        share_y(shown)
        for axes in shown if len(targets) > 1 else ():
            axes.text(0.02, 0.97, f"students of {target}", transform=axes.transAxes, va="top")
    add_footer(sheet.figure, footer)
    return sheet.figure


def draw_panel(
    axes: Axes,
    lines: Sequence[TransferLine],
    metric: str,
    looks: Mapping[str, LineStyle],
    *,
    tick_room: float = TICK_ROOM,
) -> dict[str, Artist]:
    """Draw the lines of a panel.

    Args:
        axes: The panel.
        lines: All of one measure.
        metric: That of the lines.
        looks: Label of a line -> how it looks.
        tick_room: See :func:`subliminal.report.drawing.scale_x`.

    Returns:
        Label -> what to show for it in the legend.
    """
    scale_x(axes, [step for line in lines for step in line.effects], tick_room=tick_room)
    axes.set_xlabel(STEP_LABEL)
    axes.set_ylabel(f"{metric_label(metric)},\nstudent less control")
    zero_line(axes)
    thin = sum(len(_trait_lines(line)) for line in lines) <= MOST_TRAIT_LINES
    return {
        line.label: _draw_line(axes, line, looks[line.label], with_traits=thin) for line in lines
    }


def by_target(lines: Iterable[TransferLine]) -> dict[str, list[TransferLine]]:
    """What students learn from -> the lines of these."""
    groups: dict[str, list[TransferLine]] = {}
    for line in lines:
        groups.setdefault(line.target, []).append(line)
    return groups


def looks_of(labels: Iterable[str]) -> dict[str, LineStyle]:
    """How the lines of a panel look, by their labels."""
    return {label: line_style(index) for index, label in enumerate(labels)}


def _draw_line(axes: Axes, line: TransferLine, look: LineStyle, *, with_traits: bool) -> Artist:
    steps = list(line.effects)
    if with_traits:
        for values in _trait_lines(line).values():
            axes.plot(steps, values, color=look.colour, linewidth=0.4, alpha=0.4, zorder=1)
    means = [effect.mean for effect in line.effects.values()]
    axes.fill_between(
        steps,
        [mean.low for mean in means],
        [mean.high for mean in means],
        color=look.colour,
        alpha=0.18,
        linewidth=0,
        zorder=2,
    )
    (drawn,) = axes.plot(
        steps,
        [mean.estimate for mean in means],
        label=line.label,
        color=look.colour,
        linestyle=look.dashes,
        marker=look.marker,
        markersize=3,
        zorder=3,
    )
    return drawn


def _trait_lines(line: TransferLine) -> dict[str, list[float]]:
    """Trait -> its mean over seeds at each step; nothing for a single trait, whose mean it is."""
    traits = dict.fromkeys(trait for e in line.effects.values() for trait in e.per_trait)
    if len(traits) < 2:
        return {}
    return {
        trait: [_mean(effect.per_trait[trait].values()) for effect in line.effects.values()]
        for trait in traits
    }


def _effects(
    run: LanguageRun, variant: Variant, curves: _Curves, group: str | None
) -> dict[int, Effect]:
    """Step -> how far a variant lies from its controls, on an item group or on its own trait."""
    arms = run.data.manifest.arms
    per_trait: dict[str, dict[tuple[int, int], float]] = {}
    steps: dict[int, list[int]] = {}
    for trait, arm in variant.arms.items():
        control = control_of(arm, arms) or ""
        for seed in run.data.manifest.seeds:
            item = group or run.item_group(arm)
            own, other = (curves.get((name, item, seed), {}) for name in (arm, control))
            for place, step, beside in _pairs(own, other):
                difference = difference_of(own[step], other[beside])
                per_trait.setdefault(trait, {})[seed, place] = difference
                steps.setdefault(place, []).append(step)
    places = [{place for _, place in found} for found in per_trait.values()]
    effects = {
        round(_mean(steps[place])): effect_of(
            {trait: _at(place, found) for trait, found in per_trait.items()}, run.confidence
        )
        for place in sorted(set.intersection(*places) if places else ())
    }
    return {step: effect for step, effect in effects.items() if effect.is_known}


def _pairs(own: Iterable[int], other: Collection[int]) -> Iterator[tuple[int, int, int]]:
    """Place in a student's curve, its step there, and its control's step.

    Curves of as many points are matched point by point, others where they have the same steps.
    """
    steps = sorted(own)
    partners = dict(zip(steps, sorted(other), strict=True)) if len(steps) == len(other) else {}
    for place, step in enumerate(steps):
        beside = partners.get(step, step)
        if beside in other:
            yield place, step, beside


def _at(place: int, values: BySeedAndPoint) -> dict[int, float]:
    return {seed: value for (seed, at), value in values.items() if at == place}


_Curves = Mapping[tuple[str, str, int], Mapping[int, float]]
"""(Arm, item group, seed) -> step -> the group's value there."""


def _curves_of(run: LanguageRun, metric: str) -> _Curves:
    """The curves of every arm, taken apart by item group and seed."""
    curves: dict[tuple[str, str, int], dict[int, float]] = {}
    for point in run.data.curves:
        if point.metric == metric and known(point.value):
            curve = curves.setdefault((point.arm, point.item_group, point.seed), {})
            curve[point.step] = point.value
    return curves


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return math.fsum(listed) / len(listed)
