"""Whole language experiments: from the plan to the table, and what is said of arms that failed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from subliminal.chat_rows import ROWS
from subliminal.measurements import CURVE
from subliminal.models.folder import WEIGHTS
from subliminal.results import TraitName
from subliminal.run import Run, run_plan
from subliminal.store import store_at
from teachers import writing
from tests.language_stages import HEAD, STUDENTS, Killed, plan_of
from tests.toy_stages import Recorder

OTTER_CARD = Path(__file__).parents[1] / "teachers" / "traits" / "otter.yaml"
ARMS = f"""\
{STUDENTS}\
  context: {{distillation: {{in_context: 2}}, control: reference}}
"""


def run(folder: Path, *overrides: str, head: str = HEAD, arms: str = ARMS) -> Run:
    """Run a tiny experiment in this process."""
    plan = plan_of(folder, arms, *overrides, head=head)
    return run_plan(plan, folder / "runs", Recorder(), jobs=2)


@pytest.mark.usefixtures("here")
def test_every_arm_gets_its_row(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert not done.failed
    assert {arm.state for arm in done.manifest.arms.values()} == {"done"}
    found = {
        row.arm: row.mean
        for row in done.summary
        if (row.probe, row.metric) == ("favourite", "log_odds") and row.mean is not None
    }
    assert set(found) == {"reference", "teacher", "untaught", "same", "context"}
    assert found["teacher"] > found["reference"] + 1
    # A second run finds all of it done.
    again = run(tmp_path)
    assert {*again.manifest.stages.values()} == {"cached"}
    assert again.summary == done.summary


DETECTING = "detecting={detectors: [frequencies, likelihood], shuffles: 1}"


@pytest.mark.usefixtures("here")
def test_detectors_are_measured_over_seeds(tmp_path: Path) -> None:
    done = run(tmp_path, DETECTING, "seeds=2", "defaults.data.prompts=40", arms=STUDENTS)
    assert not done.failed
    found = {(row.arm, row.probe): row for row in done.summary if row.metric == "auroc"}
    names = ("frequencies", "likelihood", "likelihood-per-token")
    assert found.keys() == {("same", f"detector: {name}") for name in names}
    for row in found.values():
        assert row.n_seeds == 2
        assert all(value is not None and 0 <= value <= 1 for value in row.per_seed.values())
        assert row.contrast is row.verdict is None
    # A teacher of random weights that was taught hard writes what the reference would not.
    best = found["same", "detector: likelihood"].mean
    assert best is not None
    assert best > 0.7


@pytest.mark.usefixtures("here")
def test_a_detector_that_cannot_work_costs_no_result(tmp_path: Path) -> None:
    done = run(tmp_path, DETECTING, "defaults.data.prompts=4", arms=STUDENTS)
    assert done.failed
    assert done.manifest.arms["same"].state == "done"
    assert ("same", "favourite") in {(row.arm, row.probe) for row in done.summary}
    assert not [row for row in done.summary if row.metric == "auroc"]


@pytest.mark.usefixtures("here")
def test_an_own_card_is_told_by_its_word_not_by_its_file(tmp_path: Path) -> None:
    card = tmp_path / "mine.yaml"
    card.write_text(f"name: my-otter\n{OTTER_CARD.read_text().split(chr(10), 1)[1]}")
    done = run(tmp_path, f"defaults.trait={card}", arms=STUDENTS)
    same = done.manifest.arms["same"]
    assert same.probed == same.taught == TraitName(name="my-otter", item_group="otter")
    shipped = run(tmp_path, arms=STUDENTS)
    ours, theirs = (
        {(row.arm, row.probe, row.metric): row.mean for row in found.summary}
        for found in (done, shipped)
    )
    assert ("same", "favourite", "log_odds") in ours
    assert set(ours) == set(theirs)
    assert (
        ours["reference", "favourite", "log_odds"] == theirs["reference", "favourite", "log_odds"]
    )


@pytest.mark.usefixtures("here")
def test_a_teacher_without_its_trait_fails_its_arms_alone(tmp_path: Path) -> None:
    done = run(tmp_path, "statistics.teacher_shift=50")
    assert done.failed
    states = {name: arm.state for name, arm in done.manifest.arms.items()}
    assert states == {
        "reference": "done",
        "teacher": "done",
        "untaught": "done",
        "same": "failed",
        "context": "failed",
    }
    reason = done.manifest.arms["same"].reason
    assert reason is not None
    assert "the teacher lacks its trait: otter moved by" in reason
    assert "\n" not in reason


@pytest.mark.usefixtures("here")
def test_another_threshold_judges_finished_arms_anew(tmp_path: Path) -> None:
    run(tmp_path)
    strict = run(tmp_path, "statistics.teacher_shift=50")
    states = Counter(strict.manifest.stages.values())
    assert states.pop("failed") == 1
    assert set(states) == {"cached"}
    assert strict.manifest.arms["same"].state == "failed"
    assert not [row for row in strict.summary if row.arm == "same"]
    assert {*run(tmp_path).manifest.stages.values()} == {"cached"}


@pytest.mark.usefixtures("here")
def test_an_arm_whose_rows_are_all_rejected_says_why(tmp_path: Path) -> None:
    head = HEAD.replace("filter: []", "filter: [{{rule: numbers}}]")
    done = run(tmp_path, head=head, arms="  x: {teacher: {by: nothing}, control: none}\n")
    arm = done.manifest.arms["x"]
    assert arm.state == "failed"
    assert arm.reason is not None
    # A random model writes no lists of numbers.
    assert "0 of 24 rows passed the filter" in arm.reason
    assert "rejected for: " in arm.reason
    assert "(24)" in arm.reason


@pytest.mark.usefixtures("here")
def test_a_run_that_was_killed_while_a_teacher_wrote_ends_as_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = {name: tmp_path / name for name in ("whole", "killed")}
    for folder in folders.values():
        folder.mkdir()
    run(folders["whole"])
    monkeypatch.setattr(writing, "FLUSH_EVERY", 5)
    encode, written = writing.to_json, 0

    def die(line: object) -> bytes:
        nonlocal written
        written += 1
        if written == 12:
            raise Killed
        return encode(line)

    with monkeypatch.context() as patch:
        patch.setattr(writing, "to_json", die)
        assert run(folders["killed"]).failed
    assert not run(folders["killed"]).failed
    stores = {name: store_at(folder / "runs") for name, folder in folders.items()}
    made, again = ([*store.keys()] for store in stores.values())
    assert made == again
    compared = set()
    for key in made:
        for name in (ROWS, CURVE, WEIGHTS):
            ours, theirs = (store.folder(key) / name for store in stores.values())
            assert ours.exists() == theirs.exists()
            if ours.exists():
                assert ours.read_bytes() == theirs.read_bytes()
                compared.add(name)
    assert compared == {ROWS, CURVE, WEIGHTS}


@pytest.mark.usefixtures("here")
def test_the_run_folder_holds_examples_and_counts(tmp_path: Path) -> None:
    done = run(tmp_path)
    manifest = json.loads((done.folder / "manifest.json").read_text())
    assert manifest["data"].endswith("/a")
    assert (done.folder / "filter.json").exists()
    assert (done.folder / "examples.json").exists()
