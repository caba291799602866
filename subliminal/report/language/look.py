"""What the figures of language runs share: how traits look, the line below, how doses are told."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from subliminal.report.labels import counted
from subliminal.report.language.run import LanguageRun

# Hues apart for the colour-blind (Tol's muted scheme); the markers tell equal hues apart.
_TRAIT_COLOURS = (
    "#332288",
    "#cc6677",
    "#117733",
    "#88ccee",
    "#aa4499",
    "#999933",
    "#44aa99",
    "#882255",
    "#ddaa33",
    "#5a4a42",
)
_TRAIT_MARKERS = ("o", "s", "^", "D", "v", "P", "X")

_FOOTER_SIZE = 6
_FOOTER_CHARACTERS_PER_INCH = 22


@dataclass(frozen=True)
class TraitStyle:
    """How the dots of one trait look."""

    colour: str
    marker: str


def trait_style(index: int) -> TraitStyle:
    """Style of the index-th trait; distinct for the first seventy."""
    return TraitStyle(
        _TRAIT_COLOURS[index % len(_TRAIT_COLOURS)], _TRAIT_MARKERS[index % len(_TRAIT_MARKERS)]
    )


def trait_handles(traits: Sequence[str]) -> list[Line2D]:
    """What stands for each trait in a legend."""
    looks = [trait_style(index) for index in range(len(traits))]
    return [
        Line2D([], [], linestyle="none", marker=look.marker, markersize=4, color=look.colour)
        for look in looks
    ]


def footer_of(run: LanguageRun) -> str:
    """What the figures of a run rest on, and its caveat."""
    counts = f"{counted(len(run.data.manifest.seeds), 'seed')}, {counted(len(run.traits), 'trait')}"
    return f"{counts}. {run.caveat}".strip()


def add_footer(figure: Figure, text: str) -> None:
    """Print a line below a figure, since figures travel without their page."""
    lines = textwrap.wrap(text, int(figure.get_figwidth() * _FOOTER_CHARACTERS_PER_INCH))
    figure.supxlabel("\n".join(lines), fontsize=_FOOTER_SIZE, color="0.35")


def zero_line(axes: Axes) -> None:
    """Mark where there is no difference."""
    axes.axhline(0, color="black", linewidth=0.8, zorder=1)
