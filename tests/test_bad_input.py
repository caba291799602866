"""What goes wrong outside the code: bad experiments, bad disks, bad files, and NaN."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mnist_toy.models import MODEL
from subliminal.measurements import MEASUREMENTS
from subliminal.plan import make_plan
from subliminal.results import (
    MANIFEST,
    REPORT,
    RESULTS,
    SUMMARY,
    Result,
    read_manifest,
    read_rows,
    read_summary,
)
from subliminal.spec_file import load_experiment
from subliminal.store import store_at
from tests.conftest import Finished
from tests.idx_files import small_set, write_set
from tests.tiny import TINY, run_folder, subliminal

# Experiments that cannot be


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("seeds: 3", "sedes: 3", r"sedes: unknown field; did you mean 'seeds'\?"),
        (
            "relation: different",
            "relation: diferent",
            r"arms\.different\.initialisation\.relation: .*did you mean 'different'\?",
        ),
        ("role: teacher", "role: techer", r"arms\.teacher\.role: .*did you mean 'teacher'\?"),
        (
            "distillation: {epochs: 1",
            "distillation: {epochs: -1",
            r"defaults\.distillation\.epochs: .*-1",
        ),
        ("auxiliary: 10", "auxiliary: 0", r"defaults\.network\.auxiliary: .*\b1\b.*0"),
        ("seeds: 3", "seeds: [1, 2, 1]", r"seeds: seed 1 is listed twice"),
        ("seeds: 3", "seeds: 0", r"seeds: must be between 1 and 10,000 seeds, not 0"),
        ("control: different", "control: diferent", r"arms\.same\.control: there is no arm"),
    ],
)
def test_a_fault_is_one_line_with_place_and_mend(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(TINY.replace(before, after, 1))
    line = TINY[: TINY.index(before)].count("\n") + 1
    for command in (["run", "--out", tmp_path / "runs"], ["plan"], ["status"]):
        error = subliminal(*command, path).error
        assert re.match(rf"{re.escape(str(path))}:{line}: {message}", error), error
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- name: x\n- seeds: 3\n", "1: must hold a mapping .* not \\[a mapping, a mapping\\]$"),
        ("", "1: must hold a mapping .* not nothing$"),
        ("name: [x\n", r"\d: "),
    ],
)
def test_what_is_no_experiment_is_told(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(content)
    error = subliminal("run", path, "--out", tmp_path / "runs").error
    assert error.startswith(f"{path}")
    assert re.search(message, error), error


def test_a_missing_experiment_is_told(tmp_path: Path) -> None:
    assert subliminal("run", tmp_path / "none.yaml").error.startswith(f"{tmp_path / 'none.yaml'}: ")


def test_a_misspelt_override_is_told(tiny: Path) -> None:
    error = subliminal("run", tiny, "--set", "arms.same.distilation.epochs=2").error
    assert error.startswith("--set arms.same.distilation")
    assert "distillation" in error


def test_logits_that_are_not_there_are_told_before_anything_runs(
    tiny: Path, tmp_path: Path
) -> None:
    out = tmp_path / "runs"
    override = "arms.same.distillation.logits=[20]"
    error = subliminal("run", tiny, "--out", out, "--set", override).error
    assert error.startswith("arms.same.distillation.logits: is [20]")
    assert not out.exists()


# Disks


def test_a_folder_that_cannot_be_is_told(tiny: Path) -> None:
    out = tiny / "below-a-file"
    error = subliminal("run", tiny, "--out", out).error
    assert error.startswith(f"{out}/.store: cannot be written (")
    assert error.endswith("; free space or choose another --out")


def test_a_store_in_no_certain_place_is_told(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUBLIMINAL_STORE", "somewhere")
    error = subliminal("run", tiny).error
    assert error == "SUBLIMINAL_STORE=somewhere: must be an absolute path or a URL"


def test_a_disk_that_is_full_at_the_start_is_told(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    error = subliminal("run", tiny, "--out", tmp_path).error
    assert "cannot be written (No space left on device); free space or choose another" in error
    assert error.startswith(f"{tmp_path}/tiny-")


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes: how a full disk shows, without filling one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("here")
def test_a_disk_that_fills_up_fails_the_stages_and_the_next_run_goes_on(
    tiny: Path, tmp_path: Path
) -> None:
    out = tmp_path / "runs"
    # A model of 64 x 600 + 600 x 600 + 600 x 20 weights is 1.6 MB.
    run = ("run", tiny, "--out", out, "--jobs", 2, "--set", "defaults.network.hidden=[600, 600]")
    with room_for(1_000_000):
        said = subliminal(*run)
    assert said.code == 1, said
    assert "Traceback" not in said.out + said.err
    assert "cannot be written (File too large); free space or choose another --out" in said.out
    arms = read_manifest(run_folder(out) / MANIFEST).arms
    assert {name: arm.state for name, arm in arms.items()} == {
        "reference": "done",
        "teacher": "failed",
        "same": "failed",
        "different": "failed",
    }
    again = subliminal(*run)
    assert again.code == 0, again
    assert again.line("18 stages to compute, 3 found in the store")


# Artifacts


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", [MEASUREMENTS, MODEL])
def test_a_corrupt_artifact_is_found_and_made_anew(
    finished: Finished, tmp_path: Path, name: str
) -> None:
    out = Path(shutil.copytree(finished.out, tmp_path / "runs"))
    row = make_plan(load_experiment(finished.experiment)).rows["same"][1]
    key = row.probe if name == MEASUREMENTS else row.curve
    assert key is not None
    file = store_at(out).folder(key) / name
    whole = file.read_bytes()
    file.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    said = subliminal("run", finished.experiment, "--out", out, "--jobs", 2)
    assert said.code == 0
    assert said.line("1 stages to compute, ")
    assert file.read_bytes() == whole
    folders = (run_folder(out), finished.folder)
    found, before = (read_rows(folder / RESULTS, Result) for folder in folders)
    # Trained alone and in a lot, the model is the same; how it was watched is so up to rounding.
    assert [one.model_dump(exclude={"value"}) for one in found] == [
        one.model_dump(exclude={"value"}) for one in before
    ]
    assert [one.value for one in found] == pytest.approx([one.value for one in before], rel=1e-5)


# Data


def test_a_damaged_idx_file_is_told(tiny: Path, tmp_path: Path) -> None:
    folder = write_set(tmp_path / "data", small_set())
    damaged = folder / "train-images-idx3-ubyte"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    data = ("--set", "data=mnist", "--set", f"data_folder={folder}", "--set", "verify_data=false")
    error = subliminal("run", tiny, "--out", tmp_path / "runs", *data).error
    assert error.startswith(f"{damaged}: ")
    assert not (tmp_path / "runs").exists()


def test_a_folder_for_data_that_have_none_is_told(tiny: Path, tmp_path: Path) -> None:
    error = subliminal("run", tiny, "--set", f"data_folder={tmp_path}").error
    assert error.startswith(f"folder {tmp_path}: digits-8x8 comes with scikit-learn")


# Training that breaks

BROKEN = f"""{TINY}\
  broken:
    network: {{activation: gelu}}
    distillation: {{optimiser: sgd, learning_rate: 999, momentum: 0.99, epochs: 5}}
    control: different
  on-broken: {{control: broken}}
"""


@pytest.mark.usefixtures("here")
def test_nan_fails_its_arm_with_name_and_step_and_the_others_finish(tmp_path: Path) -> None:
    path, out = tmp_path / "x.yaml", tmp_path / "runs"
    path.write_text(BROKEN)
    said = subliminal("run", path, "--out", out, "--jobs", 2)
    assert said.code == 1, said
    assert "Traceback" not in said.out + said.err
    reason = r"the loss is not finite from step \d+ of 40 on; lower the learning rate"
    assert re.search(rf"^failed: distil \(seed 0\): {reason}$", said.out, re.MULTILINE)
    assert re.search(rf"^broken: failed: seed 0, 1, 2: {reason}", said.out, re.MULTILINE)

    folder = run_folder(out)
    arms = read_manifest(folder / MANIFEST).arms
    assert {name: arm.state for name, arm in arms.items()} == {
        "reference": "done",
        "teacher": "done",
        "same": "done",
        "different": "done",
        "broken": "failed",
        "on-broken": "done",
    }
    assert re.fullmatch(rf"seed 0, 1, 2: {reason}.*", arms["broken"].reason or "")
    summary = {row.arm: row for row in read_summary(folder / SUMMARY) if row.metric == "accuracy"}
    assert list(summary) == ["reference", "teacher", "same", "different", "on-broken"]
    assert summary["on-broken"].verdict == (
        "not testable: no seed has a result both here and in its control broken"
    )
    assert {row.arm for row in read_rows(folder / RESULTS, Result)} == set(summary)
    page = (folder / REPORT).read_text()
    for arm in arms:
        assert arm in page
    assert "the loss is not finite from step" in page


@pytest.mark.usefixtures("here")
def test_nothing_but_failures_still_makes_a_report(tmp_path: Path) -> None:
    path, out = tmp_path / "x.yaml", tmp_path / "runs"
    path.write_text(TINY)
    broken = ("optimiser=sgd", "learning_rate=999", "momentum=0.9", "epochs=5")
    overrides = [f"defaults.teaching.{setting}" for setting in broken]
    overrides += ["defaults.network.activation=gelu", "seeds=1"]
    run = ["run", path, "--out", out, "--jobs", 2, *(f"--set={item}" for item in overrides)]
    said = subliminal(*run)
    assert said.code == 1
    assert "needs teach (seed 0), which failed: the loss is not finite" in said.out
    arms = read_manifest(run_folder(out) / MANIFEST).arms
    assert [arm.state for arm in arms.values()] == ["done", "failed", "failed", "failed"]
    assert (run_folder(out) / REPORT).exists()
    # Nothing is taken for done: the same run fails again.
    assert subliminal(*run).code == 1
