"""The report of a run: figures for a paper, a summary table, and one self-contained HTML page."""

from __future__ import annotations

from subliminal.report.bars import draw_bars
from subliminal.report.curves import draw_alignment, draw_curves
from subliminal.report.drawing import encode
from subliminal.report.page import build_report
from subliminal.report.run_folder import RunFolder, confidence_of, read_run
from subliminal.report.sweeps import draw_sweep, sweep_paths
from subliminal.report.tables import markdown_table, rich_table, summary_table

__all__ = [
    "RunFolder",
    "build_report",
    "confidence_of",
    "draw_alignment",
    "draw_bars",
    "draw_curves",
    "draw_sweep",
    "encode",
    "markdown_table",
    "read_run",
    "rich_table",
    "summary_table",
    "sweep_paths",
]
