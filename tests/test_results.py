"""The files of a run folder: what is in them, and what happens when they are damaged."""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from subliminal.errors import UserError
from subliminal.measurements import Measurement, read_curve, read_measurements, write_measurements
from subliminal.plan import make_plan
from subliminal.results import (
    CURVES,
    EXPERIMENT,
    FIGURES,
    MANIFEST,
    REPORT,
    RESULTS,
    SUMMARY,
    CurvePoint,
    Manifest,
    Result,
    Summary,
    read_manifest,
    read_rows,
    read_summary,
    write_rows,
    write_summary,
)
from subliminal.run import run_folder
from subliminal.spec_file import load_experiment
from subliminal.stats import t_interval, wilson_interval
from tests.conftest import Finished

ARMS = ["reference", "teacher", "same", "different"]
STUDENTS = ["same", "different"]
SUMMARY_FIELDS = [
    "arm",
    "probe",
    "metric",
    "n_seeds",
    "mean",
    "ci_low",
    "ci_high",
    "per_seed",
    "control",
    "contrast",
    "contrast_ci_low",
    "contrast_ci_high",
    "verdict",
]


@pytest.fixture
def run(finished: Finished, tmp_path: Path) -> Path:
    """A copy of a finished run folder, to be damaged."""
    return Path(shutil.copytree(finished.folder, tmp_path / finished.folder.name))


# What a run leaves


def test_a_run_folder_has_all_its_files(finished: Finished) -> None:
    names = {path.name for path in finished.folder.iterdir()}
    assert names == {EXPERIMENT, MANIFEST, RESULTS, CURVES, SUMMARY, FIGURES, REPORT}
    figures = {path.name for path in (finished.folder / FIGURES).iterdir()}
    stems = {Path(name).stem for name in figures}
    assert {"bars", "curves", "alignment"} <= stems
    assert figures == {f"{stem}.{form}" for stem in stems for form in ("png", "svg")}


def test_every_arm_seed_probe_and_group_has_a_row(finished: Finished) -> None:
    lines = (finished.folder / RESULTS).read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    fields = ["arm", "seed", "probe", "metric", "item_group", "value", "n", "ci_low", "ci_high"]
    assert {tuple(row) for row in rows} == {tuple(fields)}
    accuracies = [row for row in rows if row["metric"] == "accuracy"]
    groups = ["all", *(f"digit {digit}" for digit in range(10))]
    cells = [(row["arm"], row["seed"], row["probe"], row["item_group"]) for row in accuracies]
    assert sorted(cells) == sorted(
        (arm, seed, "digits", group) for arm in ARMS for seed in range(3) for group in groups
    )
    others = {(row["arm"], row["probe"], row["metric"]) for row in rows} - {
        (arm, "digits", "accuracy") for arm in ARMS
    }
    assert others == {
        cell
        for arm in STUDENTS
        for cell in (
            (arm, "digits", "share_of_shift"),
            (arm, "alignment", "gradient_cosine"),
            (arm, "alignment", "displacement_cosine"),
        )
    }


def test_a_proportion_has_its_wilson_interval(finished: Finished) -> None:
    rows = read_rows(finished.folder / RESULTS, Result)
    proportions = [row for row in rows if row.metric == "accuracy"]
    for row in proportions:
        assert row.value is not None
        assert row.n is not None
        interval = wilson_interval(round(row.value * row.n), row.n)
        assert (row.ci_low, row.ci_high) == (interval.low, interval.high)
    assert all(row.n is row.ci_low is None for row in rows if row not in proportions)


def test_the_summary_has_the_promised_fields(finished: Finished) -> None:
    rows = json.loads((finished.folder / SUMMARY).read_text())
    assert all(list(row) == SUMMARY_FIELDS for row in rows)
    judged = [(row["arm"], row["control"]) for row in rows if row["verdict"] is not None]
    assert judged == [("same", "different"), ("different", "reference")]
    for row in rows:
        assert set(row["per_seed"]) == {"0", "1", "2"}
        if row["verdict"] is not None:
            assert re.match(r"(transfer|no transfer|not testable): \S", row["verdict"])


def test_the_summary_is_of_the_results(finished: Finished) -> None:
    results = read_rows(finished.folder / RESULTS, Result)
    for row in read_summary(finished.folder / SUMMARY):
        values = {
            result.seed: result.value
            for result in results
            if (result.arm, result.probe, result.metric) == (row.arm, row.probe, row.metric)
            and result.item_group == "all"
        }
        assert row.per_seed == values
        interval = t_interval([value for value in values.values() if value is not None])
        assert row.mean == pytest.approx(interval.estimate)
        assert (row.ci_low, row.ci_high) == pytest.approx((interval.low, interval.high))


def test_curves_go_from_the_first_step_to_the_last(finished: Finished) -> None:
    points = read_rows(finished.folder / CURVES, CurvePoint)
    accuracies = [point for point in points if point.metric == "accuracy"]
    assert {(point.arm, point.seed) for point in accuracies} == {
        (arm, seed) for arm in STUDENTS for seed in range(3)
    }
    # One epoch of 1024 samples in batches of 128 is 8 steps; 3 points on a logarithmic axis.
    steps = [point.step for point in accuracies if (point.arm, point.seed) == ("same", 0)]
    assert steps == [0, 1, 8]


def test_the_manifest_tells_what_ran(finished: Finished) -> None:
    manifest = read_manifest(finished.folder / MANIFEST)
    assert manifest.name == "tiny"
    assert manifest.seeds == [0, 1, 2]
    assert "NOT MNIST" in manifest.data
    assert list(manifest.arms) == ARMS
    assert {arm.state for arm in manifest.arms.values()} == {"done"}
    assert set(manifest.stages.values()) == {"computed"}
    assert set(manifest.stages) == set(make_plan(load_experiment(finished.experiment)).stages)
    assert {"python", "torch", "subliminal"} <= set(manifest.versions)
    assert manifest.command.startswith("subliminal run ")
    assert manifest.finished is not None
    assert manifest.wall_seconds > 0


def test_the_resolved_experiment_is_the_experiment(finished: Finished) -> None:
    again = make_plan(load_experiment(finished.folder / EXPERIMENT))
    assert again.stages == make_plan(load_experiment(finished.experiment)).stages
    assert run_folder(finished.out, again.experiment) == finished.folder
    assert YAML(typ="safe").load((finished.folder / EXPERIMENT).read_text())["seeds"] == [0, 1, 2]


def test_the_report_needs_nothing_beside_it(finished: Finished) -> None:
    page = (finished.folder / REPORT).read_text()
    assert "NOT MNIST" in page
    links = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", page)
    assert links
    assert all(link.startswith(("data:", "#")) for link in links)
    assert "<script" not in page


# Round trips

finite = st.floats(allow_nan=False, allow_infinity=False) | st.none()
results = st.builds(
    Result,
    arm=st.text(),
    seed=st.integers(0, 2**31),
    probe=st.text(),
    metric=st.text(),
    item_group=st.text(),
    value=finite,
    n=st.none() | st.integers(0, 10**9),
    ci_low=finite,
    ci_high=finite,
)


@given(rows=st.lists(results))
def test_rows_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Result]
) -> None:
    path = tmp_path_factory.mktemp("rows") / RESULTS
    write_rows(path, rows)
    assert read_rows(path, Result) == rows


def test_nan_is_written_as_null_and_never_as_zero(tmp_path: Path) -> None:
    row = Result(arm="a", seed=0, probe="p", metric="m", item_group="all", value=math.nan)
    write_rows(tmp_path / RESULTS, [row])
    assert '"value":null' in (tmp_path / RESULTS).read_text()
    summary = dict.fromkeys(SUMMARY_FIELDS) | {
        "arm": "a",
        "probe": "p",
        "metric": "m",
        "n_seeds": 1,
        "per_seed": {0: math.nan},
    }
    write_summary(tmp_path / SUMMARY, [Summary.model_validate(summary)])
    (back,) = json.loads((tmp_path / SUMMARY).read_text())
    assert back["per_seed"] == {"0": None}
    write_measurements(
        tmp_path, [Measurement(probe="p", metric="m", item_group="all", value=math.inf)]
    )
    assert read_measurements(tmp_path)[0].value is None


# Damage


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"arm":"same","seed":0', "Invalid JSON"),
        ("", "Invalid JSON"),
        ("[]", "Input should be"),
        ('{"arm":"same"}', "seed: Field required"),
        ('{"arm":"a","seed":"x","probe":"p","metric":"m","item_group":"g","value":1}', "seed: "),
        (
            '{"arm":"a","seed":1,"probe":"p","metric":"m","item_group":"g","value":1,"weight":2}',
            "weight: Extra inputs",
        ),
    ],
)
def test_a_damaged_row_is_told_by_file_and_line(run: Path, line: str, fault: str) -> None:
    path = run / RESULTS
    lines = path.read_text().splitlines()
    lines[4] = line
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError) as caught:
        read_rows(path, Result)
    message = str(caught.value)
    assert message.startswith(f"{path}:5: not a Result row (")
    assert fault in message
    assert message.endswith("; run the experiment again to rewrite it")
    assert "\n" not in message


@pytest.mark.parametrize("cut", [2, 40, 300])
@pytest.mark.parametrize("name", [MANIFEST, SUMMARY])
def test_a_truncated_file_is_told(run: Path, name: str, cut: int) -> None:
    path = run / name
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(UserError) as caught:
        _ = read_manifest(path) if name == MANIFEST else read_summary(path)
    assert str(caught.value).startswith(f"{path}: damaged (")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [MANIFEST, SUMMARY, RESULTS])
@pytest.mark.parametrize("damage", ["missing", "binary", "folder"])
def test_an_unreadable_file_is_told(run: Path, name: str, damage: str) -> None:
    path = run / name
    path.unlink()
    if damage == "binary":
        path.write_bytes(b"\xff\xfe\x00")
    elif damage == "folder":
        path.mkdir()
    read = {MANIFEST: read_manifest, SUMMARY: read_summary}.get(
        name, lambda path: read_rows(path, Result)
    )
    with pytest.raises(UserError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_manifest_of_another_version_is_told(run: Path) -> None:
    path = run / MANIFEST
    data = json.loads(path.read_text())
    assert set(data) == set(Manifest.model_fields)
    del data["arms"]["same"]["role"]
    path.write_text(json.dumps(data))
    with pytest.raises(UserError, match=r"arms\.same\.role: Field required"):
        read_manifest(path)


def test_a_damaged_artifact_is_told(tmp_path: Path) -> None:
    (tmp_path / "measurements.json").write_text("[{]")
    with pytest.raises(UserError, match=r"measurements\.json: damaged .*; run again$"):
        read_measurements(tmp_path)
    with pytest.raises(UserError, match=r"curve\.json: damaged .*; run again$"):
        read_curve(tmp_path)
