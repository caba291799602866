"""Experiment files: YAML with presets, includes, sweeps and overrides, to and from experiments."""

from __future__ import annotations

from subliminal.spec_file.experiment_file import dump_experiment, load_experiment
from subliminal.spec_file.schema import json_schema

__all__ = ["dump_experiment", "json_schema", "load_experiment"]
