"""What all tests share: settings of the machine left out, and one finished run."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from tests.experiment_files import Write
from tests.tiny import TINY, Said, run_folder, subliminal, work_here

if "SUBLIMINAL_TEST_GPU" not in os.environ:
    # Tests keep tensors of their own on the processor, and compare results to the bit.
    os.environ["CUDA_VISIBLE_DEVICES"] = ""

# How long examples take to be made and tried is the machine's affair, which others use too.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

SETTINGS = ("SUBLIMINAL_STORE", "SUBLIMINAL_FASHION_MNIST", "FORCE_COLOR", "COLUMNS")


@dataclass(frozen=True)
class Finished:
    """A tiny experiment that was run to its end. Tests only read it."""

    experiment: Path
    out: Path
    folder: Path
    said: Said


@pytest.fixture(autouse=True, scope="module")
def _what_is_loaded_is_not_garbage() -> None:
    """Keep what earlier files left out of collections: a library asks for one in each correction.

    In a process that has read most of the workbench and half the index, each would take a second.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def _threads_as_they_were() -> Iterator[None]:
    """Give no file the threads of the stages that another has run here: sums would be others."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_is_heard() -> Iterator[None]:
    """Let programs that tests start hear Ctrl-C, even in tests run in the background.

    A shell has those ignore it, and what they start inherits that.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the settings of whoever runs the tests, and their cache of data, out of them.

    SUBLIMINAL_MNIST stays: one test reads the real files wherever it leads to them.
    """
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SUBLIMINAL_CACHE", str(tmp_path / "no-cache"))


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment whose cache is an empty place of the test's own."""
    return {"SUBLIMINAL_CACHE": str(tmp_path / "cache")}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write an experiment file, or part of one, into the folder of the test."""

    def write_file(text: str | bytes, name: str = "x.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write_file


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The file of the tiny experiment."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture
def here() -> Iterator[None]:
    """Runs of this test compute in its own process."""
    with work_here():
        yield


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The tiny experiment, run by worker processes."""
    folder = tmp_path_factory.mktemp("finished")
    experiment, out = folder / "tiny.yaml", folder / "runs"
    experiment.write_text(TINY)
    with pytest.MonkeyPatch.context() as patch:
        for name in SETTINGS:
            patch.delenv(name, raising=False)
        said = subliminal("run", experiment, "--out", out, "--jobs", 1)
    assert said.code == 0, said
    return Finished(experiment, out, run_folder(out), said)
