"""The report page: one HTML file with everything in it, that loads nothing from anywhere."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from subliminal.atomic import write_text
from subliminal.report.answer import answer, problems, uncontrolled_controls
from subliminal.report.caveat import TINY_CAVEAT
from subliminal.report.labels import estimate, listing, number
from subliminal.report.language.answer import language_problems
from subliminal.report.language.figures import language_figures
from subliminal.report.language.page import headline_of, language_page, others_of
from subliminal.report.language.run import LanguageRun, language_run
from subliminal.report.memory import shortage_of_memory
from subliminal.report.mnist_figures import headline_rows, mnist_figures
from subliminal.report.run_figure import WrittenFigure, write_figures
from subliminal.report.run_folder import RunFolder, confidence_of, read_run
from subliminal.report.tables import summary_table
from subliminal.results import FIGURES, REPORT, WHOLE, Manifest, Result


@dataclass(frozen=True)
class SeedRow:
    """One arm, probe, metric and item group with a cell for each seed."""

    arm: str
    probe: str
    metric: str
    item_group: str
    cells: tuple[SeedCell, ...]


@dataclass(frozen=True)
class SeedCell:
    """One seed's value, and what it rests on for those who point at it."""

    text: str
    detail: str


def build_report(run: Path) -> Path:
    """Write the figures and the page of a finished run.

    Equal run folders give equal files, byte for byte.

    Args:
        run: A run folder as :mod:`subliminal.results` describes it.

    Returns:
        The path of `report.html`; figures lie in `figures/` beside it, as PNG and SVG.

    Raises:
        UserError: A file is missing or damaged, or the folder cannot be written.
    """
    data = read_run(run)
    language = language_run(data)
    drawn = mnist_figures(data) if language is None else language_figures(language)
    figures = write_figures(drawn, run / FIGURES)
    path = run / REPORT
    write_text(path, render(data, language, figures))
    return path


def render(data: RunFolder, language: LanguageRun | None, figures: Sequence[WrittenFigure]) -> str:
    """The HTML of the report. All text of the run is escaped, the YAML too.

    Args:
        data: The run.
        language: The same run, if it is one on language models.
        figures: In the order to show.
    """
    environment = Environment(
        loader=PackageLoader("subliminal.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["breakable"] = _breakable
    manifest = data.manifest
    seeds = _seeds(data)
    context: dict[str, Any] = {
        "manifest": manifest,
        "tiny": TINY_CAVEAT if manifest.scale == "tiny" else None,
        "substitute": "NOT MNIST" in manifest.data,
        "figures": [(figure, _data_uri(figure.svg)) for figure in figures],
        **(_of_mnist(data) if language is None else _of_language(language)),
        "seeds": seeds,
        "seed_rows": _seed_rows(_shown(data.results, language), seeds),
        "confidence": confidence_of(manifest),
        "wall_time": _duration(manifest.wall_seconds),
        "stages": _stage_counts(manifest),
        "short_of_memory": shortage_of_memory(manifest.short_of_memory),
        "experiment": data.experiment,
    }
    return environment.get_template("report.html.j2").render(context)


def _of_mnist(data: RunFolder) -> dict[str, Any]:
    """What the page says of arms that stand for themselves."""
    manifest = data.manifest
    headline = [row for rows in headline_rows(data.summary).values() for row in rows]
    others = [row for row in data.summary if row not in headline]
    return {
        "language": None,
        "answers": _answers(data),
        "summary": summary_table(manifest, headline),
        "others": summary_table(manifest, others, every_arm=False),
        "problems": problems(manifest),
        "uncontrolled_controls": uncontrolled_controls(manifest),
    }


def _of_language(run: LanguageRun) -> dict[str, Any]:
    """What the page says of arms that stand together for a kind of student."""
    manifest = run.data.manifest
    return {
        "language": language_page(run),
        "answers": [],
        "summary": summary_table(manifest, headline_of(run)),
        "others": summary_table(manifest, others_of(run), every_arm=False),
        "problems": language_problems(run),
        "uncontrolled_controls": listing([variant.label for variant in run.controls]),
    }


def _answers(data: RunFolder) -> list[tuple[str, str]]:
    """(Probe, answer) pairs; the probe is left empty where there is only one."""
    probes = headline_rows(data.summary) or {"": []}
    return [
        (probe if len(probes) > 1 else "", answer(data.manifest, rows))
        for probe, rows in probes.items()
    ]


def _breakable(name: str) -> Markup:
    """Let the browser break a long name after its punctuation."""
    return Markup("<wbr>").join(re.split(r"(?<=[-._,\[])", name))


def _data_uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode('ascii')}"


def _seeds(data: RunFolder) -> list[int]:
    return sorted({*data.manifest.seeds, *(result.seed for result in data.results)})


def _shown(results: Sequence[Result], language: LanguageRun | None) -> list[Result]:
    """The rows that the page lists: of a category's members, the arm's own trait alone."""
    return [row for row in results if language is None or row.item_group == WHOLE]


def _seed_rows(results: Sequence[Result], seeds: Sequence[int]) -> list[SeedRow]:
    rows: dict[tuple[str, str, str, str], dict[int, Result]] = {}
    for result in results:
        key = (result.arm, result.probe, result.metric, result.item_group)
        rows.setdefault(key, {})[result.seed] = result
    return [
        SeedRow(*key, cells=tuple(_seed_cell(by_seed.get(seed)) for seed in seeds))
        for key, by_seed in rows.items()
    ]


def _seed_cell(result: Result | None) -> SeedCell:
    if result is None:
        return SeedCell(text="", detail="not measured")
    items = "" if result.n is None else f" over {result.n} items"
    detail = f"{estimate(result.value, result.ci_low, result.ci_high)}{items}"
    return SeedCell(text=number(result.value), detail=detail)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.1f} s"


def _stage_counts(manifest: Manifest) -> str:
    counts = Counter(manifest.stages.values())
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
