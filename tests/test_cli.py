"""The command line: what each command prints and does, its exit codes, and how runs resume."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from mnist_toy.stages import TEACH
from subliminal.plan import make_plan
from subliminal.results import (
    CURVES,
    MANIFEST,
    REPORT,
    RESULTS,
    SUMMARY,
    read_manifest,
    read_summary,
)
from subliminal.spec_file import load_experiment
from subliminal.store import Store, store_at
from tests.conftest import Finished
from tests.tiny import Said, run_folder, subliminal, work_here

COMMANDS = [
    ("run",),
    ("plan",),
    ("status",),
    ("report",),
    ("runs", "list"),
    ("runs", "show"),
    ("runs", "compare"),
    ("runs", "gc"),
    ("doctor",),
    ("schema",),
]
STAGES_OF_A_SEED = 7
"""Of the tiny experiment: a teacher, two students, and probes of these and the reference."""


def words(text: str) -> str:
    """Text without the breaks and borders of tables."""
    return " ".join(re.sub(r"[─│┃┏┓┗┛┡┩┳┻╇╰╯╭╮━]", " ", text).split())


@pytest.fixture
def copied(finished: Finished, tmp_path: Path) -> Path:
    """A folder of runs with one finished run, to be changed."""
    return Path(shutil.copytree(finished.out, tmp_path / "runs"))


# Help


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_ends_with_an_example(command: tuple[str, ...]) -> None:
    said = subliminal(*command, "--help")
    assert said.code == 0
    example = words(said.out).rpartition("Example: ")[2]
    assert example.startswith(f"subliminal {' '.join(command)}")


def test_help_lists_every_command() -> None:
    top, runs = subliminal("--help").out, subliminal("runs", "--help").out
    for *group, name in COMMANDS:
        assert f" {name} " in (runs if group else top)
    assert "Example: subliminal runs list" in words(runs)
    assert "Example: subliminal pocket list" in words(subliminal("pocket", "--help").out)
    assert "Start with: subliminal run experiments/numbers_demo.yaml" in words(top)


@pytest.mark.parametrize(
    "arguments", [["rnu"], ["run"], ["run", "x.yaml", "--jbos", "2"], ["plan", "--jobs", "0", "x"]]
)
def test_a_misused_command_is_bad_input(arguments: list[str]) -> None:
    said = subliminal(*arguments)
    assert said.code == 2
    assert "Traceback" not in said.err
    assert "--help" in said.err


# A run


def test_a_run_prints_the_data_the_table_and_where_the_report_is(finished: Finished) -> None:
    said = finished.said
    assert said.line("data: ") == "data: scikit-learn digits, 8x8 (embedded fallback, NOT MNIST)"
    assert said.line(f"{3 * STAGES_OF_A_SEED} stages to compute, 0 found in the store")
    for arm in ("reference", "teacher", "same", "different"):
        assert re.search(rf"^ +{arm} +3 ", said.out, re.MULTILINE)
    assert said.line("report: ") == f"report: {finished.folder / REPORT}"
    assert said.err == ""


def test_output_is_plain_where_there_is_no_terminal(finished: Finished) -> None:
    assert "\x1b" not in finished.said.out
    assert "\r" not in finished.said.out


def test_a_second_run_computes_nothing(finished: Finished, copied: Path) -> None:
    before = {name: (finished.folder / name).read_bytes() for name in (RESULTS, SUMMARY, CURVES)}
    said = subliminal("run", finished.experiment, "--out", copied)
    assert said.code == 0
    # The three teachers are behind probes that are there, so nobody looks for them.
    assert said.line("0 stages to compute, 18 found in the store")
    folder = run_folder(copied)
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert set(read_manifest(folder / MANIFEST).stages.values()) == {"cached"}


@pytest.mark.usefixtures("here")
def test_more_seeds_cost_only_themselves(finished: Finished, copied: Path) -> None:
    said = subliminal("run", finished.experiment, "--out", copied, "--set", "seeds=4", "--jobs", 2)
    assert said.code == 0
    assert said.line(f"{STAGES_OF_A_SEED} stages to compute, 18 found in the store")
    old, new = sorted(copied.glob("tiny-*"), key=lambda path: len(_seeds(path)))
    assert (_seeds(old), _seeds(new)) == ([0, 1, 2], [0, 1, 2, 3])
    kept = (old / RESULTS).read_text().splitlines()
    assert set(kept) < set((new / RESULTS).read_text().splitlines())


def _seeds(folder: Path) -> list[int]:
    return read_manifest(folder / MANIFEST).seeds


# Before a run


@pytest.mark.parametrize("command", [("run", "--dry-run"), ("plan",)], ids=" ".join)
def test_a_plan_is_printed_and_nothing_is_computed(
    tiny: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    out = tmp_path / "runs"
    said = subliminal(*command, tiny, "--out", out)
    assert said.code == 0
    assert not out.exists()
    total = said.line("21 of 21 stages to compute: ")
    assert re.search(r"about \d+:\d\d:\d\d with \d+ jobs?, about [\d.]+ [KMG]iB of memory$", total)
    lots = [line.split() for line in said.out.splitlines() if " mnist." in line]
    # Lot, what it needs, kind, ... stages, cached, to do, time, size and unit of memory.
    graph = [(lot[0], " ".join(lot[1 : lot.index(_kind(lot))]), _kind(lot)) for lot in lots]
    assert graph == [
        ("1", "-", "mnist.probe"),
        ("2", "-", "mnist.teach"),
        ("3", "2, 4, 5", "mnist.probe"),
        ("4", "2", "mnist.distil"),
        ("5", "2", "mnist.distil"),
    ]
    assert [lot[-6:-3] for lot in lots] == [
        ["3", "0", "3"],
        ["3", "0", "3"],
        ["9", "0", "9"],
        ["3", "0", "3"],
        ["3", "0", "3"],
    ]


def _kind(lot: list[str]) -> str:
    return next(word for word in lot if word.startswith("mnist."))


def test_a_plan_knows_what_is_cached(finished: Finished) -> None:
    said = subliminal("plan", finished.experiment, "--out", finished.out, "--set", "seeds=5")
    assert said.line(f"{2 * STAGES_OF_A_SEED} of {5 * STAGES_OF_A_SEED} stages to compute: ")


def test_a_plan_reckons_with_no_more_workers_than_there_will_be(tiny: Path, tmp_path: Path) -> None:
    many = subliminal("plan", tiny, "--out", tmp_path, "--jobs", 10_000)
    assert "with 10000 jobs" not in many.out


def test_a_fallback_says_why(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("no network")

    monkeypatch.delenv("SUBLIMINAL_MNIST", raising=False)
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    said = subliminal("plan", tiny, "--out", tmp_path, "--set", "data=auto")
    assert "NOT MNIST" in said.line("data: ")
    assert said.line("MNIST cannot be had: ")


def test_status_counts_what_is_there(finished: Finished) -> None:
    said = subliminal("status", finished.experiment, "--out", finished.out, "--set", "seeds=4")
    assert said.code == 0
    table = {
        cells[0]: [int(cell) for cell in cells[1:]]
        for cells in (words(line).split() for line in said.out.splitlines())
        if cells and cells[0].startswith("mnist.")
    }
    assert table == {
        "mnist.probe": [12, 0, 0, 4],
        "mnist.teach": [3, 0, 0, 1],
        "mnist.distil": [6, 0, 0, 2],
    }


# Runs


def test_runs_are_listed_with_their_data(finished: Finished) -> None:
    said = subliminal("runs", "list", "--out", finished.out)
    (row,) = (line for line in said.out.splitlines() if finished.folder.name in line)
    assert "NOT MNIST" in row
    assert "finished" in row


def test_a_folder_without_runs_is_told(tmp_path: Path) -> None:
    assert subliminal("runs", "list", "--out", tmp_path).out == f"no runs in {tmp_path}\n"


@pytest.mark.parametrize("command", ["list", "gc"])
def test_a_folder_that_is_not_there_is_told(tmp_path: Path, command: str) -> None:
    assert subliminal("runs", command, "--out", tmp_path / "none").error == (
        f"{tmp_path / 'none'}: no such folder; name the folder of the runs with --out"
    )


def test_a_run_is_shown_as_when_it_ended(finished: Finished) -> None:
    shown = subliminal("runs", "show", finished.folder)
    assert shown.code == 0
    assert shown.out.strip()
    assert shown.out.strip("\n") in finished.said.out


def test_a_run_is_shown_by_probe_and_metric(finished: Finished) -> None:
    rows = read_summary(finished.folder / SUMMARY)
    probes = list(dict.fromkeys(row.probe for row in rows))
    of_first = [row for row in rows if row.probe == probes[0]]
    metrics = dict.fromkeys(row.metric for row in of_first)
    table = (
        subliminal(
            *(
                "runs",
                "show",
                finished.folder,
                "--probe",
                probes[0],
                "--metric",
                "all",
                "--markdown",
            )
        )
        .out.strip()
        .splitlines()
    )
    assert len(table) == 2 + len(of_first)
    assert subliminal("runs", "show", finished.folder, "--probe", "owls").error == (
        f"--probe owls: this run has {', '.join(probes)}"
    )
    asked = ("--probe", probes[0], "--metric", "owls")
    assert subliminal("runs", "show", finished.folder, *asked).error == (
        f"--metric owls: the probe {probes[0]} has {', '.join(metrics)}; or give `all`"
    )


def test_a_report_is_made_anew(finished: Finished, copied: Path) -> None:
    report = run_folder(copied) / REPORT
    before = report.read_bytes()
    report.unlink()
    said = subliminal("report", report.parent)
    assert said.code == 0
    assert said.line("report: ") == f"report: {report}"
    assert report.read_bytes() == before


@pytest.mark.parametrize("command", [("report",), ("runs", "show")], ids=" ".join)
def test_what_is_no_run_is_told(tmp_path: Path, command: tuple[str, ...]) -> None:
    assert subliminal(*command, tmp_path).error == (
        f"{tmp_path / MANIFEST}: no such file; is this a run folder?"
    )


@pytest.mark.usefixtures("here")
def test_two_runs_are_compared(finished: Finished, copied: Path) -> None:
    override = "arms.same.distillation.logits=all"
    arguments = ("run", finished.experiment, "--out", copied, "--jobs", 2, "--set", override)
    assert subliminal(*arguments, "--set", "name=other").code == 0
    (other,) = copied.glob("other-*")
    said = subliminal("runs", "compare", run_folder_of(copied, "tiny"), other)
    assert said.code == 0
    assert words(said.out).count("NOT") == 2
    rows = json.loads((other / SUMMARY).read_text())
    theirs = {row["arm"]: row["mean"] for row in rows if row["metric"] == "accuracy"}
    rows = json.loads((finished.folder / SUMMARY).read_text())
    mine = {row["arm"]: row["mean"] for row in rows if row["metric"] == "accuracy"}
    for arm in mine:
        line = next(
            line for line in said.out.splitlines() if re.search(rf"\b{arm}\b.*accuracy", line)
        )
        difference = float(words(line).split()[-1])
        assert difference == pytest.approx(theirs[arm] - mine[arm], abs=6e-4)
    assert theirs["same"] != mine["same"]
    assert theirs["teacher"] == mine["teacher"]


def run_folder_of(out: Path, name: str) -> Path:
    (folder,) = out.glob(f"{name}-*")
    return folder


@pytest.mark.usefixtures("here")
def test_gc_removes_what_no_run_refers_to(finished: Finished, copied: Path) -> None:
    run = ("run", finished.experiment, "--out", copied, "--jobs", 2)
    assert subliminal(*run, "--set", "seeds=[0, 1, 2, 9]").code == 0
    store = store_at(copied)
    assert len(list(store.keys())) == 4 * STAGES_OF_A_SEED
    assert "in 0 folders" in subliminal("runs", "gc", "--out", copied).out

    (extra,) = (path for path in copied.glob("tiny-*") if path.name != finished.folder.name)
    shutil.rmtree(extra)
    would = subliminal("runs", "gc", "--out", copied, "--dry-run")
    assert re.fullmatch(r"would free [\d.]+ [KM]iB in 7 folders\n", would.out)
    assert len(list(store.keys())) == 4 * STAGES_OF_A_SEED
    freed = subliminal("runs", "gc", "--out", copied)
    assert freed.out == would.out.replace("would free", "freed")
    assert set(store.keys()) == set(read_manifest(run_folder(copied) / MANIFEST).stages)
    assert subliminal(*run).line("0 stages to compute, 18 found in the store")


def test_gc_stops_at_a_run_that_it_cannot_read(copied: Path) -> None:
    # Without the manifest nobody knows which artifacts that run still needs.
    manifest = run_folder(copied) / MANIFEST
    manifest.write_text("{")
    before = list(store_at(copied).keys())
    assert subliminal("runs", "gc", "--out", copied).error.startswith(f"{manifest}: damaged")
    assert list(store_at(copied).keys()) == before


# The machine and the vocabulary


def test_doctor_tells_what_is_there_and_how_to_get_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUBLIMINAL_MNIST", str(tmp_path / "nowhere"))
    said = subliminal("doctor")
    assert said.code == 0
    for word in ("cores", "memory", "gpus", "fast precision", "GFLOP/s", "torch"):
        assert word in said.out
    (mnist,) = (line for line in said.out.splitlines() if line.strip().startswith("data: mnist"))
    assert "missing" in mnist
    (digits,) = (
        line for line in said.out.splitlines() if line.strip().startswith("data: digits-8x8")
    )
    assert "available" in digits
    assert "SUBLIMINAL_FASHION_MNIST" in said.out
    assert re.search(r"vllm +(missing +pip install vllm|\d)", said.out)


def test_the_schema_checks_experiments(finished: Finished) -> None:
    said = subliminal("schema")
    schema = json.loads(said.out)
    jsonschema.Draft202012Validator.check_schema(schema)
    tree = YAML(typ="safe").load(finished.experiment.read_text())
    jsonschema.validate(tree, schema)
    tree["arms"]["same"]["controll"] = "different"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tree, schema)


# Stopping and resuming

LONG = """\
name: long
data: digits-8x8
precision: float32
seeds: 2
observation: {points: 4, test_images: 50, alignment: false}
defaults:
  control: none
  network: {hidden: [64, 64]}
  teaching: {epochs: 1, samples_per_epoch: 1024, batch_size: 128}
  distillation: {epochs: 15, samples_per_epoch: 16384, batch_size: 128}
arms:
  same: {}
  different: {initialisation: {relation: different}}
"""


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.yaml"
    path.write_text(LONG)
    return path


@pytest.fixture(scope="module")
def uninterrupted(long: Path) -> dict[str, bytes]:
    """What the run leaves when nobody stops it."""
    out = long.parent / "uninterrupted"
    with work_here():
        assert subliminal("run", long, "--out", out, "--jobs", 2).code == 0
    return outcome_of(out)


def outcome_of(out: Path) -> dict[str, bytes]:
    return {name: (run_folder(out) / name).read_bytes() for name in (RESULTS, CURVES, SUMMARY)}


def interrupted(experiment: Path, out: Path, stop: Callable[[int], None]) -> Said:
    """Start a run as a shell does, and stop it once the teachers are there."""
    arguments = ["run", str(experiment), "--out", str(out), "--jobs", "2"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from subliminal.cli import main; main()", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        teachers = {
            stage.key
            for stage in make_plan(load_experiment(experiment)).stages.values()
            if stage.kind == TEACH
        }
        wait_for(lambda: all(store_at(out).has(key) for key in teachers), process)
        stop(process.pid)
        printed, errors = process.communicate(timeout=200)
    finally:
        process.kill()
    return Said(process.returncode, printed, errors)


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def test_ctrl_c_says_how_to_resume_and_the_rest_is_the_same(
    long: Path, tmp_path: Path, uninterrupted: dict[str, bytes]
) -> None:
    # A terminal sends the signal to the command and to its workers alike.
    said = interrupted(long, tmp_path, lambda process: os.killpg(process, signal.SIGINT))
    assert said.code == 130, said
    assert "Traceback" not in said.out + said.err
    assert "Ctrl-C again: at once" in said.out
    assert "nothing finished is lost" in said.out
    assert said.out.splitlines()[-1].strip() == f"subliminal run {long} --out {tmp_path} --jobs 2"
    assert_resumes(long, tmp_path, uninterrupted)


def test_a_killed_run_resumes_and_the_rest_is_the_same(
    long: Path, tmp_path: Path, uninterrupted: dict[str, bytes]
) -> None:
    said = interrupted(long, tmp_path, lambda process: os.kill(process, signal.SIGKILL))
    assert said.code == -signal.SIGKILL
    unfinished = read_manifest(run_folder(tmp_path) / MANIFEST)
    assert unfinished.finished is None
    assert "not finished" in subliminal("runs", "list", "--out", tmp_path).out
    assert_resumes(long, tmp_path, uninterrupted)


def assert_resumes(experiment: Path, out: Path, expected: dict[str, bytes]) -> None:
    done = len(whole(store_at(out)))
    with work_here():
        said = subliminal("run", experiment, "--out", out, "--jobs", 2)
    assert said.code == 0, said
    stages = make_plan(load_experiment(experiment)).stages
    to_compute = int(
        said.line(next(s for s in said.out.splitlines() if "to compute" in s)).split()[0]
    )
    assert 0 < to_compute <= len(stages) - done
    assert outcome_of(out) == expected
    assert not any((store_at(out).root / "tmp").iterdir())


def whole(store: Store) -> list[str]:
    return [key for key in store.keys() if store.verify(key)]  # noqa: SIM118
