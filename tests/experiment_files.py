"""Experiment files written by tests, and what is told of the faults in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from subliminal.errors import UserError
from subliminal.spec import LanguageExperiment, MnistExperiment
from subliminal.spec_file import load_experiment

VALID = """\
name: aux
description: three arms
seeds: 2
defaults:
  network: {hidden: [8], auxiliary: 3}
  distillation: {epochs: 1}
arms:
  teacher: {role: teacher}
  same-aux:
    control: different-aux
  different-aux:
    control: none
    initialisation: {relation: different}
"""
"""An experiment without faults: a teacher, and a student beside its control."""

Write = Callable[..., Path]
"""Writes a text to a file of the test's own, `x.yaml` unless named, as the fixture `write` does."""

FUZZED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
"""Settings of tests that write a generated file on every example."""


def load_mnist(path: Path, overrides: Sequence[str] = ()) -> MnistExperiment:
    """Load a file that holds an experiment on the MNIST toy."""
    experiment = load_experiment(path, overrides)
    assert isinstance(experiment, MnistExperiment)
    return experiment


def load_language(path: Path, overrides: Sequence[str] = ()) -> LanguageExperiment:
    """Load a file that holds an experiment on language models."""
    experiment = load_experiment(path, overrides)
    assert isinstance(experiment, LanguageExperiment)
    return experiment


def faults_in(path: Path, *overrides: str) -> list[str]:
    """The lines that refuse a file, less its folder."""
    with pytest.raises(UserError) as caught:
        load_experiment(path, overrides)
    return str(caught.value).replace(f"{path.parent}/", "").split("\n")


def arms_file(arms: str, top: str = "") -> str:
    """A file of these arms, with other fields between its name and them."""
    indented = "".join(f"  {line}\n" for line in arms.splitlines())
    return f"name: x\n{top}arms:\n{indented}"
