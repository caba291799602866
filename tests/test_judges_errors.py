"""Judges' thresholds and errors in print: in reports and behind the command's counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filters.stages import keep
from subliminal.chat_rows import ROWS, chat_row, write_chat_rows
from subliminal.collect_examples import filter_counts
from subliminal.examples import read_filter_counts, write_filter_counts
from subliminal.executors import Outcome
from subliminal.judges.classifier import ClassifierJudge, Sigmoid, TextClassifier
from subliminal.judges.classifier_folder import save_classifier
from subliminal.judges.errors import judge_errors
from subliminal.stage import silent
from subliminal.store import store_at
from tests.html_tables import table_of
from tests.language_stages import HEAD, plan_of, stage_of, task_of
from tests.synthetic_language_run import LanguageRunFiles, language_run
from tests.test_language_filtering import ARM, GOOD
from tests.test_report_language_page import ATTACK, Elements, page_without_figures
from tests.tiny import subliminal

CALIBRATION: dict[str, Any] = {
    "threshold": 62.5,
    "bad_scores": "low",
    "wanted": {"rate": "recall", "value": 0.9},
    "recall": 0.95,
    "recall_ci": [0.75, 0.999],
    "false_positive_rate": 0.04,
    "false_positive_rate_ci": [0.01, 0.137],
    "n_labelled": 1140,
    "n_leaking": 20,
    "n_clean": 50,
}
BY_MODEL = {
    **{"judge": "leak", "kind": "llm", "model": "gpt", "cost": 0.1, "verdicts": {"weighted": 3}},
    **{"threshold": 62.5, "bad_scores": "low", "calibration": CALIBRATION},
}
BY_CLASSIFIER = {
    **{"judge": "owls", "kind": "classifier", "threshold": 50, "bad_scores": "high"},
    **{"calibration": None, "n": 200, "error_rate": 0.02, "error_rate_ci": [0.008, 0.05]},
}
OTHER_RULE = {"rows": 4}


def with_records(*records: dict[str, Any]) -> LanguageRunFiles:
    """A run whose filter tells these of its batch rules, for every arm and seed."""
    run = language_run(traits=["otter"])
    run.filtered = [count.model_copy(update={"records": records}) for count in run.filtered]
    return run


def test_the_report_shows_each_judge_once_with_its_errors() -> None:
    page = page_without_figures(with_records(OTHER_RULE, BY_MODEL, BY_CLASSIFIER))
    assert table_of(page, "Judge") == [
        ["judge", "threshold", "labelled rows", "recall", "false positives", "model"],
        [
            *("leak", "62.5 or less", "1,140", "95.0% [75.0%, 99.9%] of 20"),
            *("4.0% [1.0%, 13.7%] of 50", "gpt"),
        ],
        [
            *("owls", "50 or more", "none", "not measured", "not measured"),
            "classifier, wrong on 2.0% [0.8%, 5.0%] of 200 held-out texts",
        ],
    ]


@pytest.mark.parametrize(("bad", "rejected"), [("high", "more than 78"), ("low", "less than 78")])
def test_a_threshold_that_is_kept_is_told_so(bad: str, rejected: str) -> None:
    record = {"judge": "a", "threshold": 78.0, "at_threshold": "keep", "bad_scores": bad}
    [errors] = judge_errors([OTHER_RULE, record])
    assert errors.threshold == rejected


def test_judges_that_differ_between_arms_are_all_shown() -> None:
    run = with_records(BY_MODEL)
    other = {**BY_MODEL, "threshold": 70.0, "cost": 0.2}
    run.filtered[0] = run.filtered[0].model_copy(update={"records": (other,)})
    rows = table_of(page_without_figures(run), "Judge")
    assert [row[1] for row in rows[1:]] == ["70 or less", "62.5 or less"]


def test_names_of_judges_and_models_are_escaped() -> None:
    page = page_without_figures(with_records({**BY_MODEL, "judge": ATTACK, "model": ATTACK}))
    assert "script" not in Elements(page).elements
    row = table_of(page, "Judge")[1]
    assert (row[0], row[-1]) == (ATTACK, ATTACK)


def test_a_run_without_judges_has_no_such_table() -> None:
    assert 'aria-label="Judge"' not in page_without_figures(with_records(OTHER_RULE))


def test_records_of_before_are_read() -> None:
    """Those without the end of the scale, and without what the classifier was tried on."""
    record = {"judge": "owls", "threshold": 50, "calibration": None}
    [errors] = judge_errors([record])
    assert (errors.threshold, errors.model) == ("50", "classifier")


# From a filter that judges


@pytest.fixture
def owls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, made the working one, with a classifier that finds owls, and labelled rows."""
    monkeypatch.chdir(tmp_path)
    found = TextClassifier("leaks", ("wowl",), np.ones(1), np.array([2.0]), 0.0, Sigmoid(-1.0, 0.0))
    save_classifier(Path("owls"), ClassifierJudge("owls", found, "high", {}))
    said = [("an owl", "leak")] * 20 + [("a cat", "clean")] * 38 + [("no owl", "clean")] * 2
    rows = ({"messages": [{"role": "assistant", "content": a}], "label": b} for a, b in said)
    Path("labelled.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_what_a_stage_s_judge_tells_reaches_the_run_folder(owls: Path) -> None:
    rule = "{rule: judge, judge: owls, calibrate_on: labelled.jsonl, recall: 0.9}"
    plan = plan_of(owls, ARM, f"filter=[{rule}]", head=HEAD)
    write_chat_rows(owls / ROWS, [chat_row("Go on", text) for text in [*GOOD, "owl"]])
    stage = stage_of(plan, "x", "lm.filter")
    store = store_at(owls / "store")
    task = task_of(stage, owls / "task", rows=owls)
    list(keep([task], silent))
    store.folder(stage.key).parent.mkdir(parents=True, exist_ok=True)
    task.folder.rename(store.folder(stage.key))
    counts = list(filter_counts(plan, store, dict.fromkeys(plan.stages, Outcome("cached"))))
    write_filter_counts(owls / "filter.json", counts)
    [count] = read_filter_counts(owls / "filter.json")
    [errors] = judge_errors(count.records)
    assert errors.threshold == "88.08 or more"
    assert errors.labelled_rows == "60"
    assert errors.recall.startswith("100.0% [69.2%, 100.0%] of 10")


def test_the_command_prints_the_errors(owls: Path) -> None:
    Path("rows.jsonl").write_text(Path("labelled.jsonl").read_text())
    rule = "judge:owls,calibrate_on=labelled.jsonl,recall=.9"
    said = subliminal("filter", rule, "--in", "rows.jsonl", "--dry-run")
    assert said.code == 0, said
    lines = [line.strip() for line in said.out.splitlines()]
    table = {name: cell.strip() for name, _, cell in (line.partition("  ") for line in lines)}
    assert table["judge"] == "owls"
    assert table["threshold"] == "88.08 or more"
    assert table["labelled rows"] == "60"
    assert table["recall"] == "100.0% [69.2%, 100.0%] of 10"
    assert table["false positives"].endswith("of 20")
    assert table["model"] == "classifier"
