"""The vocabulary of an experiment: every field that an experiment YAML may hold.

An experiment is a table. Each row is an *arm* and a seed; each cell a probe. Its `kind` says what
it is run on: :mod:`subliminal.spec.mnist` and :mod:`subliminal.spec.language` each say what an arm
can be there, :mod:`subliminal.spec.common` what all kinds share. :mod:`subliminal.spec_file` reads
YAML (includes, presets, sweeps, overrides) into these models; :mod:`subliminal.plan` turns them
into stages.
"""

from __future__ import annotations

from subliminal.spec.common import CONFIDENCE, BaseArm, BaseExperiment, BaseStatistics
from subliminal.spec.language import LanguageArm, LanguageExperiment, LanguageStatistics
from subliminal.spec.mnist import MnistArm, MnistExperiment, MnistStatistics

Experiment = MnistExperiment | LanguageExperiment
"""An experiment of any kind, told apart by `kind`."""

__all__ = [
    "CONFIDENCE",
    "BaseArm",
    "BaseExperiment",
    "BaseStatistics",
    "Experiment",
    "LanguageArm",
    "LanguageExperiment",
    "LanguageStatistics",
    "MnistArm",
    "MnistExperiment",
    "MnistStatistics",
]
