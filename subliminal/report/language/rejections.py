"""What the filter did: how many of each variant's and arm's rows passed, and why others did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from subliminal.examples import FilterCount
from subliminal.report.drawing import COLOURS, DOUBLE_COLUMN, SEED_DOT, STYLE, new_figure
from subliminal.report.labels import wrapped
from subliminal.report.language.look import add_footer, footer_of
from subliminal.report.language.run import LanguageRun

_REASON_INCHES, _FRAME_INCHES = 0.24, 1.1
_NAME_WIDTH = 40


@dataclass(frozen=True)
class Filtered:
    """What the filter did to all rows of one variant, or of one arm."""

    label: str
    rows: int
    kept: int
    rejected: int
    least: float
    most: float
    """Smallest and largest share that passed of one arm and seed."""
    reasons: dict[str, float]
    """Reason -> share of the rows that have it; a row may have several."""
    fingerprints: tuple[str, ...]
    """Of the filters that its rows went through, one where all is well."""

    @property
    def passed(self) -> float:
        """Share of the rows that no rule rejected."""
        return 1 - self.rejected / self.rows


def filtered_by_variant(run: LanguageRun) -> list[Filtered]:
    """The filter's counts put together by variant, in the order of the run."""
    return _together(run, {arm: v.label for v in run.variants for arm in v.arms.values()})


def filtered_by_arm(run: LanguageRun) -> list[Filtered]:
    """The filter's counts put together by arm, over its seeds, in the order of the run."""
    return _together(run, {arm: arm for arm in run.data.manifest.arms})


@style.context(STYLE)
def draw_rejections(run: LanguageRun, filtered: Sequence[Filtered]) -> Figure:
    """Draw the share of all rows that each reason rejected, with a dot for each variant.

    Dots far apart say that the filter, though the same, bites some variants harder than others.

    Args:
        run: The run.
        filtered: What :func:`filtered_by_variant` found; not empty.
    """
    reasons = reasons_of(filtered)
    total = sum(each.rows for each in filtered)
    figure = new_figure(DOUBLE_COLUMN, _FRAME_INCHES + _REASON_INCHES * max(len(reasons), 1))
    axes = figure.add_subplot()
    for place, reason in enumerate(reasons):
        mean = sum(each.reasons.get(reason, 0.0) * each.rows for each in filtered) / total
        axes.barh(place, 100 * mean, height=0.62, facecolor=COLOURS[4], edgecolor="0.1")
        shares = [100 * each.reasons.get(reason, 0.0) for each in filtered]
        axes.plot(shares, [place] * len(shares), **SEED_DOT)
    axes.set_yticks(range(len(reasons)), [wrapped(reason, _NAME_WIDTH) for reason in reasons])
    axes.set_ylim(len(reasons) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("rows rejected for this reason (% of rows written)")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    figure.legend(
        [Patch(facecolor=COLOURS[4], edgecolor="0.1"), Line2D([], [], **SEED_DOT)],
        ["all rows", "one group of arms"],
        loc="outside upper left",
        ncols=2,
    )
    add_footer(figure, footer_of(run))
    return figure


def reasons_of(filtered: Sequence[Filtered]) -> list[str]:
    """Every reason, the commonest first."""
    counts: dict[str, float] = {}
    for each in filtered:
        for reason, share in each.reasons.items():
            counts[reason] = counts.get(reason, 0.0) + share * each.rows
    return sorted(counts, key=lambda reason: -counts[reason])


def _together(run: LanguageRun, labels: Mapping[str, str]) -> list[Filtered]:
    members: dict[str, list[FilterCount]] = {}
    for count in run.data.filtered:
        if count.rows:
            members.setdefault(labels[count.arm], []).append(count)
    return [_filtered(label, counts) for label, counts in members.items()]


def _filtered(label: str, counts: Sequence[FilterCount]) -> Filtered:
    rows = sum(count.rows for count in counts)
    shares = [1 - count.rejected / count.rows for count in counts]
    reasons = dict.fromkeys(reason for count in counts for reason in count.reasons)
    return Filtered(
        label=label,
        rows=rows,
        kept=sum(count.kept for count in counts),
        rejected=sum(count.rejected for count in counts),
        least=min(shares),
        most=max(shares),
        reasons={
            reason: sum(count.reasons.get(reason, 0) for count in counts) / rows
            for reason in reasons
        },
        fingerprints=tuple(dict.fromkeys(count.fingerprint for count in counts)),
    )
