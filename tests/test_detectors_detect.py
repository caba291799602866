"""Detectors at work: the command, the stage, and what they write."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from filters.detector_stages import DETECTIONS, FREQUENCIES, KINDS
from filters.detector_stages import detect as detect_stage
from filters.detectors import Found, Settings, detect, read_rows
from filters.detectors.auroc import Scores, auroc, set_auroc
from filters.detectors.detect import Detector, detection
from filters.detectors.frequencies import FrequencyDetector, TokenCounts
from filters.detectors.records import Detection, FrequencyReport
from filters.rows import Row
from subliminal import detect_command
from subliminal.chat_rows import ROWS, write_chat_rows
from subliminal.errors import UserError
from subliminal.measurements import read_measurements
from subliminal.models.folder import fingerprint
from subliminal.samples import Array
from subliminal.stage import Done, Stage, Task, silent
from tests.detected import lists, row, two_sets
from tests.language_stages import models, task_of
from tests.user_errors import assert_one_line


class Fixed:
    """Scores that were there before."""

    name = "fixed"
    cross_validated = False

    def __init__(self, values: np.ndarray) -> None:
        self.values = values.astype(np.float64)

    def scores(self, taught: np.ndarray) -> Array:
        return self.values


def test_a_detection_holds_areas_of_rows_and_of_sets() -> None:
    rng = np.random.default_rng(0)
    rows = two_sets(["1"] * 150, ["1"] * 120)
    values = rng.normal(size=270) + 0.5 * rows.taught
    found = detection(Fixed(values), rows, Settings(shuffles=30, seed=4))
    assert (found.detector, found.taught, found.untaught) == ("fixed", 150, 120)
    assert found.auroc == auroc(values, rows.taught)
    assert found.ci_low < found.auroc < found.ci_high
    assert [one.rows for one in found.sets] == [10, 100]  # for 1,000 there are too few
    expected = set_auroc(Scores(values, rows.taught, rows.groups), 100, seed=4)
    assert (found.sets[1].auroc, found.sets[1].ci_low) == (expected.estimate, expected.low)
    assert found.shuffles == 30
    assert found.p_value == pytest.approx(1 / 31)
    assert found.shuffled_auroc == pytest.approx(0.5, abs=0.04)  # six errors of .036 / sqrt(30)
    assert found.shuffled_auroc < found.shuffled_highest < found.auroc


def test_the_p_value_counts_shuffles_that_reach_the_area() -> None:
    rows = two_sets(["1"] * 10, ["1"] * 10)
    alike = detection(Fixed(np.zeros(20)), rows, Settings(shuffles=9))
    assert alike.p_value == 1.0
    worse = detection(Fixed(1.0 - rows.taught), rows, Settings(shuffles=9))
    assert (worse.auroc, worse.p_value) == (0.0, 1.0)


def test_cross_validation_widens_intervals() -> None:
    rng = np.random.default_rng(1)
    rows = two_sets(["1"] * 50, ["1"] * 50)
    learnt = Fixed(rng.normal(size=100))
    plain = detection(learnt, rows)
    learnt.cross_validated = True
    wider = detection(learnt, rows)
    assert wider.ci_high - wider.ci_low == pytest.approx(
        2**0.5 * (plain.ci_high - plain.ci_low), rel=0.03
    )
    assert wider.sets[0].ci_high > plain.sets[0].ci_high


class Dishonest:
    """Scores a row by its own label."""

    name = "dishonest"
    cross_validated = True

    def scores(self, taught: np.ndarray) -> Array:
        return taught.astype(np.float64)


def test_shuffled_labels_betray_a_dishonest_detector() -> None:
    found = detection(Dishonest(), two_sets(["1"] * 20, ["1"] * 20))
    assert (found.auroc, found.shuffled_auroc, found.p_value) == (1.0, 1.0, 1.0)


def test_shuffled_labels_tell_an_honest_detector_nothing() -> None:
    rng = np.random.default_rng(2)
    rows = two_sets(lists(rng, 200, 0.5), lists(rng, 200))
    detector: Detector = FrequencyDetector(TokenCounts.of(rows).counts, rows.groups)
    found = detection(detector, rows)
    assert found.auroc > 0.9
    assert found.shuffled_auroc == pytest.approx(0.5, abs=0.04)


def test_what_is_found_goes_to_json_and_back() -> None:
    rng = np.random.default_rng(3)
    found = detect(two_sets(lists(rng, 30), lists(rng, 30)))
    assert [one.detector for one in found.detections] == ["frequencies", "ngrams"]
    assert found.frequencies is not None
    assert Found.model_validate_json(found.model_dump_json()) == found
    again = detect(two_sets(lists(rng, 30), lists(rng, 30)))
    assert again != found


def test_equal_seeds_find_the_same() -> None:
    sets = [lists(np.random.default_rng(seed), 30) for seed in (4, 5)]
    first, second, other = (
        detect(two_sets(*sets), settings=Settings(seed=seed)) for seed in (1, 1, 2)
    )
    assert first == second
    assert first.detections[0].auroc != other.detections[0].auroc


# Reading


def test_rows_are_read_and_faults_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row("1", "2", id="a")) + "\n" + json.dumps(row("3", "4")) + "\n")
    assert read_rows(str(path)) == [row("1", "2", id="a"), row("3", "4")]
    path.write_text(json.dumps(row("1", "2")) + "\n{\n")
    with pytest.raises(UserError) as error:
        read_rows(str(path))
    assert_one_line(error, f"{path}:2: not JSON")


# The command


def write_rows(path: Path, texts: list[str]) -> Path:
    made = [row(f"Go on with {number}.", text) for number, text in enumerate(texts)]
    path.write_text("".join(json.dumps(one) + "\n" for one in made))
    return path


def said(*arguments: object) -> str:
    """What the command prints."""
    app, printed = typer.Typer(), io.StringIO()
    app.command()(detect_command.detect_command)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detect_command, "console", Console(width=200, file=printed))
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return printed.getvalue()


@pytest.fixture
def taught(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "taught.jsonl", lists(np.random.default_rng(6), 60, 0.4))


@pytest.fixture
def untaught(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "untaught.jsonl", lists(np.random.default_rng(7), 50))


def test_the_command_prints_and_writes_what_it_found(
    taught: Path, untaught: Path, tmp_path: Path
) -> None:
    out = tmp_path / "found.json"
    printed = said(
        *("--in", taught, "--against", untaught, "--out", out, "--shuffles", 5, "--seed", 3)
    )
    found = Found.model_validate_json(out.read_bytes())
    first, report = found.detections[0], found.frequencies
    assert report is not None
    lines = [line.split() for line in printed.splitlines()]
    assert "60 taught and 50 untaught rows, 50 prompts answered by both" in printed
    [line] = [words for words in lines if words[:1] == ["frequencies"]]
    area = f"{first.auroc:.3f} [{first.ci_low:.3f}, {first.ci_high:.3f}]"
    ten = first.sets[0]
    area += f" {ten.auroc:.3f} [{ten.ci_low:.3f}, {ten.ci_high:.3f}]"
    area += f" {first.shuffled_auroc:.3f} (at most {first.shuffled_highest:.3f})"
    assert line[1:] == [*area.split(), f"{first.p_value:.3f}"]
    assert first.shuffles == 5
    top = report.top[0]
    assert [top.token, str(top.taught), str(top.untaught), f"{top.log_ratio:+.2f}"] in [
        words[:4] for words in lines
    ]
    assert f"{report.different} of {report.tested} tested tokens differ" in printed
    assert f"p = {report.p_value:.3f}" in printed
    assert "likelihood" not in printed


def test_the_command_takes_models(taught: Path, untaught: Path) -> None:
    a, b = models() / "a", models() / "b"
    options = ["--in", taught, "--against", untaught, "--shuffles", 3, "--rows", 20]
    printed = said(*options, "--teacher", a, "--reference", b)
    assert "20 taught and 20 untaught rows, 20 prompts answered by both" in printed
    assert "likelihood-per-token" in printed
    prompted = said(*options, "--teacher", b, "--reference", b, "--system", "You love owls.")
    alike = said(*options, "--teacher", b, "--reference", b)
    [area] = [
        line.split()[1] for line in alike.splitlines() if line.strip().startswith("likelihood ")
    ]
    assert area == "0.500"  # a model beside itself
    assert prompted != alike


def test_the_command_tries_what_it_is_told_to(tmp_path: Path) -> None:
    marks = [
        write_rows(tmp_path / name, texts) for name, texts in (("a", ["!"] * 9), ("b", ["?"] * 9))
    ]
    options = ["--in", marks[0], "--against", marks[1], "--shuffles", 1]
    with pytest.raises(UserError) as error:
        said(*options)
    assert_one_line(error, "frequencies: no completion has a word or a number")
    printed = said(*options, "--detector", "ngrams")
    assert "ngrams" in printed
    assert "Cramer" not in printed


def test_what_was_found_is_printed_though_it_cannot_be_written(
    taught: Path, untaught: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed: list[Found] = []
    monkeypatch.setattr(detect_command, "print_found", lambda _, found: printed.append(found))
    with pytest.raises(UserError):
        said("--in", taught, "--against", untaught, "--shuffles", 1, "--out", taught / "found")
    assert len(printed) == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--teacher", "x"], "--reference: is missing"),
        (["--reference", "x"], "--teacher: is missing"),
        (["--system", "x"], "--system: is the prompt of --teacher"),
        (["--detector", "bayes"], "--detector: no 'bayes'; choose from frequencies"),
        (["--detector", "likelihood"], "goes with --teacher and --reference"),
        (["--teacher", "a", "--reference", "a", "--detector", "ngrams"], "--detector likelihood"),
        (["--teacher", "nowhere", "--reference", "nowhere"], "model 'nowhere'"),
    ],
)
def test_bad_options_are_one_line(
    taught: Path, untaught: Path, options: list[str], told: str
) -> None:
    with pytest.raises(UserError) as error:
        said("--in", taught, "--against", untaught, *options)
    assert_one_line(error, told)


def test_a_source_without_rows_is_named(tmp_path: Path) -> None:
    full, empty = tmp_path / "full.jsonl", tmp_path / "empty.jsonl"
    full.write_text("".join(json.dumps(row(f"{i}?", "1, 2")) + "\n" for i in range(9)))
    empty.write_text("")
    for taught, untaught, option in ((empty, full, "--in"), (full, empty, "--against")):
        with pytest.raises(UserError) as error:
            said("--in", taught, "--against", untaught)
        assert_one_line(error, f"{option} {empty}: holds no rows")


def test_rows_of_one_prompt_can_be_taken_for_independent(tmp_path: Path) -> None:
    sets = []
    for name in ("ours", "theirs"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(row("?", f"{i} {name}")) + "\n" for i in range(9)))
        sets += [path]
    options = ["--in", sets[0], "--against", sets[1]]
    with pytest.raises(UserError) as error:
        said(*options)
    assert_one_line(error, "9 rows of 1 prompts are too few", "or group by row")
    assert "0 prompts answered by both" in said(*options, "--group-by", "row")


# The stage


def stage_task(folder: Path, sets: list[list[Row]], **params: object) -> Task:
    """The stage about to compare two sets, with the model `a` under a system prompt as teacher."""
    stage = Stage(
        kind=KINDS[0].name,
        version=KINDS[0].version,
        params={
            "detectors": ["frequencies", "ngrams", "likelihood"],
            "rows": None,
            "shuffles": 3,
            "teacher": {"system": "You love owls.", "steering": None},
            "model": {"name": "a", "fingerprint": fingerprint(models() / "a")},
            "precision": "float32",
            **params,
        },
        seed=0,
        local={"model": str(models() / "a")},
    )
    for name, rows in zip(("rows", "against"), sets, strict=True):
        (folder / name).mkdir(parents=True)
        write_chat_rows(folder / name / ROWS, rows)  # type: ignore[arg-type]
    return task_of(stage, folder / "task", rows=folder / "rows", against=folder / "against")


def made_sets() -> list[list[Row]]:
    rng = np.random.default_rng(8)
    return [
        [row(f"Go on: {number}.", text) for number, text in enumerate(lists(rng, 24, share))]
        for share in (0.5, 0.0)
    ]


def test_the_stage_writes_detections(tmp_path: Path) -> None:
    task = stage_task(tmp_path, made_sets())
    [done] = detect_stage([task], silent)
    assert isinstance(done, Done)
    lines = (task.folder / DETECTIONS).read_text().splitlines()
    found = [Detection.model_validate_json(line) for line in lines]
    names = ["frequencies", "ngrams", "likelihood", "likelihood-per-token"]
    assert [one.detector for one in found] == names
    assert found[0].auroc > 0.6
    assert (found[2].auroc, found[2].shuffles) != (0.5, 0)
    measured = {row.probe: row.value for row in read_measurements(task.folder)}
    assert measured == {f"detector: {one.detector}": one.auroc for one in found}
    report = FrequencyReport.model_validate_json((task.folder / FREQUENCIES).read_text())
    assert report.tokens > 50


def test_the_stage_without_models(tmp_path: Path) -> None:
    task = stage_task(tmp_path, made_sets(), detectors=["ngrams"], rows=12, model=None)
    [_] = detect_stage([task], silent)
    [line] = (task.folder / DETECTIONS).read_text().splitlines()
    found = Detection.model_validate_json(line)
    assert (found.detector, found.taught, found.untaught, found.shuffles) == ("ngrams", 12, 12, 3)
    assert not (task.folder / FREQUENCIES).exists()


def likelihood_in(folder: Path) -> float | None:
    measured = {row.probe: row.value for row in read_measurements(folder)}
    return measured["detector: likelihood"]


def test_the_stage_takes_the_teacher_that_was_made(tmp_path: Path) -> None:
    task = stage_task(
        tmp_path,
        made_sets(),
        detectors=["likelihood"],
        teacher={"system": None, "steering": None},
    )
    [_] = detect_stage([task], silent)
    assert likelihood_in(task.folder) == 0.5  # the reference beside itself
    made = Task(
        task.stage, {**task.inputs, "teacher": models() / "b"}, task.folder, task.partial, None
    )
    [_] = detect_stage([made], silent)
    assert likelihood_in(made.folder) != 0.5
