"""The report of a run: figures for a paper, a summary table, and one self-contained HTML page."""

from __future__ import annotations

from subliminal.report.bars import draw_bars
from subliminal.report.curves import draw_alignment, draw_curves
from subliminal.report.drawing import encode
from subliminal.report.language import (
    LanguageRun,
    dose_paths,
    draw_doses,
    draw_initialisation,
    draw_matrix,
    draw_measures,
    draw_model_matrix,
    draw_trait_bars,
    draw_transfer,
    footer_of,
    grids_of,
    language_run,
    measures_of,
    transfer_lines,
)
from subliminal.report.page import build_report
from subliminal.report.run_folder import RunFolder, confidence_of, read_run
from subliminal.report.sweeps import draw_sweep, sweep_paths
from subliminal.report.tables import markdown_table, rich_table, summary_table

__all__ = [
    "LanguageRun",
    "RunFolder",
    "build_report",
    "confidence_of",
    "dose_paths",
    "draw_alignment",
    "draw_bars",
    "draw_curves",
    "draw_doses",
    "draw_initialisation",
    "draw_matrix",
    "draw_measures",
    "draw_model_matrix",
    "draw_sweep",
    "draw_trait_bars",
    "draw_transfer",
    "encode",
    "footer_of",
    "grids_of",
    "language_run",
    "markdown_table",
    "measures_of",
    "read_run",
    "rich_table",
    "summary_table",
    "sweep_paths",
    "transfer_lines",
]
