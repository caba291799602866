"""Figures, tables and words for runs on language models."""

from __future__ import annotations

from subliminal.report.language.doses import dose_paths, draw_doses
from subliminal.report.language.grids import grids_of
from subliminal.report.language.initialisation import draw_initialisation
from subliminal.report.language.look import footer_of
from subliminal.report.language.matrix import draw_matrix
from subliminal.report.language.measures import draw_measures
from subliminal.report.language.model_matrix import draw_model_matrix
from subliminal.report.language.run import LanguageRun, language_run
from subliminal.report.language.trait_bars import draw_trait_bars
from subliminal.report.language.transfer import draw_transfer, measures_of, transfer_lines

__all__ = [
    "LanguageRun",
    "dose_paths",
    "draw_doses",
    "draw_initialisation",
    "draw_matrix",
    "draw_measures",
    "draw_model_matrix",
    "draw_trait_bars",
    "draw_transfer",
    "footer_of",
    "grids_of",
    "language_run",
    "measures_of",
    "transfer_lines",
]
