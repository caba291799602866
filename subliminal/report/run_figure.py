"""A figure of a run, the words that go below it, and its files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from subliminal.atomic import write_bytes
from subliminal.report.drawing import encode
from subliminal.report.labels import counted, percent
from subliminal.report.run_folder import confidence_of
from subliminal.results import Manifest, Summary


@dataclass(frozen=True)
class RunFigure:
    """A figure with the words that go below it."""

    stem: str
    """File name without its ending."""
    title: str
    caption: str
    """What is shown, over how many seeds, with which interval."""
    figure: Figure


@dataclass(frozen=True)
class WrittenFigure:
    """A figure as it was written."""

    title: str
    caption: str
    svg: bytes
    inches: float
    """Width on paper."""


def write_figures(figures: Iterable[RunFigure], folder: Path) -> list[WrittenFigure]:
    """Write figures as PNG and SVG.

    Raises:
        UserError: The folder cannot be written.
    """
    written = []
    for drawn in figures:
        svg = encode(drawn.figure, "svg")
        write_bytes(folder / f"{drawn.stem}.svg", svg)
        write_bytes(folder / f"{drawn.stem}.png", encode(drawn.figure, "png"))
        written.append(WrittenFigure(drawn.title, drawn.caption, svg, drawn.figure.get_figwidth()))
    return written


def interval_words(manifest: Manifest) -> str:
    """What the intervals of a run are."""
    return f"{percent(confidence_of(manifest))} interval over seeds (Student t)"


def seeds_words(rows: Sequence[Summary]) -> str:
    """Over how many seeds the rows of a figure are."""
    return range_words([row.n_seeds for row in rows])


def range_words(counts: Sequence[int]) -> str:
    """Numbers of seeds for a caption: "5 seeds an arm", "3 to 5 seeds an arm"."""
    low, high = min(counts), max(counts)
    return f"{counted(low, 'seed')} an arm" if low == high else f"{low} to {high} seeds an arm"


def stem_of(family: str, probe: str = "", *, many: bool = False, page: int = 1) -> str:
    """File name of a figure, without its ending; it names the probe where there are many."""
    parts = [family, *([probe] if many else []), *([str(page)] if page > 1 else [])]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(parts))


def title_of(title: str, probe: str, *, many: bool) -> str:
    """Title of a figure; it names the probe where there are many."""
    return f"{title} ({probe})" if many else title
