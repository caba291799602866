"""A tiny experiment, and the command line within the process of the tests."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from mnist_toy import lot
from mnist_toy.architecture import Architecture
from mnist_toy.state import State
from mnist_toy.training import Trained, train
from subliminal import cli
from subliminal.executors import local
from subliminal.executors.worker import LotCall, Report, run_lot

TINY = """\
name: tiny
description: the smallest experiment with every role
data: digits-8x8
precision: float32
seeds: 3
defaults:
  network: {hidden: [24, 24], auxiliary: 10}
  teaching: {epochs: 2, samples_per_epoch: 2048, batch_size: 128, learning_rate: 3e-3}
  distillation: {epochs: 1, samples_per_epoch: 1024, batch_size: 128, learning_rate: 3e-3}
observation: {points: 3, test_images: 100}
arms:
  reference: {role: reference}
  teacher: {role: teacher}
  same: {control: different}
  different: {initialisation: {relation: different}, control: reference}
"""

WIDTH = 200
"""Columns of the output; enough that no table breaks a word."""


@dataclass(frozen=True)
class Said:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    def line(self, start: str) -> str:
        """The only line of the output that starts so."""
        (line,) = (line for line in self.out.splitlines() if line.startswith(start))
        return line

    @property
    def error(self) -> str:
        """The one line of a user error, without the word."""
        assert self.code == 2, self
        assert self.err.count("\n") == 1, self.err
        assert "Traceback" not in self.err + self.out
        return self.err.removeprefix("error: ").removesuffix("\n")


def subliminal(*arguments: object) -> Said:
    """Run a command of the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    words = ["subliminal", *map(str, arguments)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", words)
        patch.setattr(cli, "console", Console(width=WIDTH))
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as stopped,
        ):
            cli.main()
    return Said(int(stopped.value.code or 0), out.getvalue(), err.getvalue())


@contextlib.contextmanager
def work_here() -> Iterator[None]:
    """Let runs compute in this process, which spares seconds of starting workers."""
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "Slot", _SlotHere)
        yield
    torch.set_num_threads(threads)


def steps_begun_at(patch: pytest.MonkeyPatch) -> list[int]:
    """A list that gets, for every model trained in this process from now on, its first step."""
    begun: list[int] = []

    def train_and_tell(
        architecture: Architecture, begin: State, *rest: Any, **more: Any
    ) -> Trained:
        begun.extend([begin.step] * len(begin.parameters))
        return train(architecture, begin, *rest, **more)

    patch.setattr(lot, "train", train_and_tell)
    return begun


def run_folder(out: Path) -> Path:
    """The only run under a folder."""
    (manifest,) = out.glob("*/manifest.json")
    return manifest.parent


class _SlotHere:
    """Stands for a worker process, and does its work at once."""

    def __init__(self, number: int, threads: int) -> None:
        self.number = number

    def submit(self, call: LotCall) -> Future[list[Report]]:
        future: Future[list[Report]] = Future()
        try:
            future.set_result(run_lot(call))
        except BaseException as error:
            future.set_exception(error)
        return future

    def kill(self) -> None:
        """There is no process to end."""
