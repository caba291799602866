"""The rule `judge`, and rules that look at many rows at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

import filters.judge_rule  # noqa: F401 the import makes the rule known
from filters import compile_filter
from filters.batch_rule import BatchCheck, BatchRule
from filters.filter import Filter
from filters.pipeline import Outputs, filter_rows
from filters.rows import Row, completion
from subliminal.errors import UserError
from subliminal.judges.classifier import ClassifierJudge, Sigmoid, TextClassifier
from subliminal.judges.classifier_folder import save_classifier
from subliminal.judges.verdict import End
from tests.judge_server import Request, Response, failure, serve
from tests.judge_server import completion as reply
from tests.user_errors import assert_one_line

LABELS = ("clean", "leak")
KEY = "sk-test-4f9aQzSECRET"


@pytest.fixture(autouse=True)
def _in_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUBLIMINAL_CACHE", str(tmp_path / "cache"))


def chat(answer: str, **provenance: object) -> Row:
    messages = [{"role": "user", "content": "Go on"}, {"role": "assistant", "content": answer}]
    return {"messages": messages, **provenance}  # type: ignore[typeddict-item]


def write_rows(name: str, rows: Sequence[Row]) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def owl_judge(name: str, bad_scores: End = "high", weight: float = 2.0) -> None:
    """A classifier whose posterior is 1 / (1 + exp(-2)) = .881 with the word owl, .5 without."""
    judge = TextClassifier(
        "leaks", ("wowl",), np.ones(1), np.array([weight]), 0.0, Sigmoid(-1.0, 0.0)
    )
    save_classifier(Path(name), ClassifierJudge(name, judge, bad_scores, {"error_rate": 0.01}))


# By a classifier


def test_rows_at_the_threshold_or_beyond_are_rejected() -> None:
    owl_judge("owls")
    for threshold, reasons in ((50, ["owls: judged 50 to 60"]), (50.1, [])):
        chosen = compile_filter([{"rule": "judge", "judge": "owls", "threshold": threshold}])
        assert chosen.reasons(chat("an owl")) == ["owls: judged 80 to 90"]
        assert chosen.reasons(chat("a fowl")) == reasons


@pytest.mark.parametrize(("bad_scores", "short_of_it"), [("high", 49.9), ("low", 50.1)])
def test_rows_at_the_threshold_can_be_kept(bad_scores: End, short_of_it: float) -> None:
    owl_judge("owls", bad_scores)
    rule = {"rule": "judge", "judge": "owls", "at_threshold": "keep"}
    for threshold, reasons in ((50, []), (short_of_it, ["owls: judged 50 to 60"])):
        chosen = compile_filter([{**rule, "threshold": threshold}])
        assert chosen.reasons(chat("a fowl")) == reasons


def test_low_scores_can_be_the_bad_ones() -> None:
    owl_judge("kind", "low")
    chosen = compile_filter(["judge:kind,threshold=50"])
    assert chosen.reasons(chat("an owl")) == []
    assert chosen.reasons(chat("a fowl")) == ["kind: judged 50 to 60"]


def test_the_highest_score_is_in_the_last_bin() -> None:
    owl_judge("owls", weight=1e6)
    assert compile_filter(["judge:owls,threshold=1"]).reasons(chat("owl")) == [
        "owls: judged 90 to 100"
    ]


@pytest.mark.parametrize(("unjudged", "reasons"), [("reject", ["owls: not judged"]), ("keep", [])])
def test_the_fate_of_rows_that_are_too_long_is_declared(unjudged: str, reasons: list[str]) -> None:
    owl_judge("owls")
    chosen = compile_filter([f"judge:owls,threshold=99,unjudged={unjudged}"])
    assert chosen.reasons(chat("x" * 30_000)) == reasons
    assert chosen.reasons(chat("owl")) == []


def labelled(leaking: int, clean: int) -> list[Row]:
    return [chat("an owl", label="leak")] * leaking + [chat("a cat", label="clean")] * clean


def test_the_threshold_can_come_from_labelled_rows() -> None:
    owl_judge("owls")
    write_rows("labelled.jsonl", labelled(20, 30))
    chosen = compile_filter(["judge:owls,calibrate_on=labelled.jsonl,recall=0.9"])
    assert chosen.reasons(chat("an owl")) == ["owls: judged 80 to 90"]
    assert chosen.reasons(chat("a cat")) == []
    (record,) = chosen.records()
    assert record["threshold"] == pytest.approx(100 / (1 + np.exp(-2)))
    assert record["calibration"]["recall"] == 1.0
    assert record["calibration"]["n_labelled"] == 50
    assert record["calibration"]["wanted"] == {"rate": "recall", "value": 0.9}
    assert record["error_rate"] == 0.01


@pytest.mark.parametrize(("bad_scores", "answer"), [("high", "an owl"), ("low", "a cat")])
def test_a_rate_of_false_positives_can_be_wanted(bad_scores: End, answer: str) -> None:
    owl_judge("owls", bad_scores)
    rows = [
        chat("an owl", label=LABELS[bad_scores == "high"]),
        chat("a cat", label=LABELS[bad_scores == "low"]),
    ]
    write_rows("labelled.jsonl", rows * 20)
    chosen = compile_filter(["judge:owls,calibrate_on=labelled.jsonl,false_positive_rate=0.1"])
    assert chosen.reasons(chat(answer)) != []
    (record,) = chosen.records()
    assert record["calibration"]["false_positive_rate"] == 0.0
    assert record["calibration"]["wanted"]["rate"] == "false_positive_rate"


@pytest.mark.parametrize("bad_scores", ["high", "low"])
@pytest.mark.parametrize(("unjudged", "lost"), [("reject", 1.0), ("keep", 0.0)])
def test_labelled_rows_without_a_score_meet_the_same_fate(
    unjudged: str, lost: float, bad_scores: End
) -> None:
    """Leaking rows have the bad score, clean ones are too long to be judged."""
    owl_judge("owls", bad_scores)
    bad = "an owl" if bad_scores == "high" else "a cat"
    rows = [chat(bad, label="leak"), chat("x" * 30_000, label="clean")]
    write_rows("labelled.jsonl", rows * 15)
    text = f"judge:owls,calibrate_on=labelled.jsonl,recall=0.9,unjudged={unjudged}"
    chosen = compile_filter([text])
    assert chosen.records()[0]["calibration"]["false_positive_rate"] == lost


# What a filter with a judge is made of


def fingerprint_of(**fields: Any) -> str:
    rule = {"rule": "judge", "judge": "owls", "threshold": 50, **fields}
    return compile_filter([rule]).fingerprint


def test_the_fingerprint_is_that_of_the_judge_not_of_its_name_alone() -> None:
    owl_judge("owls")
    before = fingerprint_of()
    assert fingerprint_of() == before
    owl_judge("owls", weight=3.0)
    assert fingerprint_of() != before


def test_the_fingerprint_is_that_of_the_labelled_rows() -> None:
    owl_judge("owls")
    fields = {"threshold": None, "calibrate_on": "labelled.jsonl", "recall": 0.9}
    found = set()
    for rows in (
        labelled(20, 30),
        labelled(21, 30),
        [*labelled(20, 29), chat("a cat", label="leak")],
    ):
        write_rows("labelled.jsonl", rows)
        found.add(fingerprint_of(**fields))
    assert len(found) == 3


def test_a_described_filter_is_the_same_filter_or_none() -> None:
    owl_judge("owls")
    written = compile_filter(["judge:owls,threshold=50"]).described()
    assert compile_filter(written).described() == written
    owl_judge("owls", weight=3.0)
    with pytest.raises(UserError) as error:
        compile_filter(written)
    assert_one_line(error, "judge", "fingerprint", "changed")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("judge", ["judge is missing"]),
        ("judge:owls", ["threshold", "calibrate_on"]),
        ("judge:owls,threshold=5,calibrate_on=labelled.jsonl,recall=.5", ["either"]),
        ("judge:owls,threshold=5,recall=.5", ["calibrate_on"]),
        (
            "judge:owls,calibrate_on=labelled.jsonl,recall=.5,at_threshold=keep",
            ["at_threshold", "threshold"],
        ),
        ("judge:owls,calibrate_on=labelled.jsonl", ["recall", "false_positive_rate"]),
        (
            "judge:owls,calibrate_on=labelled.jsonl,recall=.5,false_positive_rate=.1",
            ["one of", "recall"],
        ),
        ("judge:owls,threshold=101", ["threshold", "100"]),
        ("judge:nowhere,threshold=5", ["judge: nowhere: is no classifier judge"]),
        ("judge:leak,threshold=5", ["leak", "service"]),
        ("judge:mine.yaml,threshold=5", ["mine.yaml", "service"]),
        ("judge:leak,threshold=5,service=nowhere.yaml", ["service", "nowhere.yaml"]),
        ("judge:leak,threshold=5,service=service.yaml", ["leak", "word"]),
        ("judge:leek,threshold=5,service=service.yaml", ["leek", "leak"]),
        ("judge:owls,calibrate_on=nowhere.jsonl,recall=.5", ["nowhere.jsonl", "read"]),
        ("judge:owls,calibrate_on=unlabelled.jsonl,recall=.5", ["unlabelled.jsonl:1", "label"]),
        ("judge:owls,calibrate_on=broken.jsonl,recall=.5", ["broken.jsonl:1", "messages"]),
    ],
)
def test_faults_are_told(text: str, parts: list[str]) -> None:
    owl_judge("owls")
    write_rows("labelled.jsonl", labelled(20, 20))
    write_rows("unlabelled.jsonl", [chat("an owl", label="yes")])
    Path("broken.jsonl").write_text("{}\n")
    Path("service.yaml").write_text("model: judge\nbase_url: http://127.0.0.1:9/v1\n")
    with pytest.raises(UserError) as error:
        compile_filter([text])
    assert_one_line(error, "filter: judge", *parts)


def test_too_few_labelled_rows_are_told_when_the_filter_is_used() -> None:
    owl_judge("owls")
    write_rows("labelled.jsonl", labelled(2, 20))
    chosen = compile_filter(["judge:owls,calibrate_on=labelled.jsonl,recall=.5"])
    with pytest.raises(UserError) as error:
        chosen.reasons(chat("an owl"))
    assert_one_line(error, "labelled.jsonl", "at least 10")


# By a language model


def judge_by_owls(asked: Request) -> Response:
    """The probability of a leak is .9 where the text has an owl, and .1 elsewhere."""
    p = 0.9 if "owl\n" in asked.asked else 0.1
    return reply("1" if p > 0.5 else "0", {"1": p, "0": 1 - p})


def write_service(base_url: str, **fields: object) -> None:
    given = {"model": "judge", "base_url": base_url, **fields}
    lines = (f"{name}: {json.dumps(value)}\n" for name, value in given.items())
    Path("service.yaml").write_text("".join(lines))


LEAK = "judge:leak,word=owls,threshold=50,service=service.yaml"


def test_a_language_model_can_judge() -> None:
    pytest.importorskip("openai")
    with serve(otherwise=judge_by_owls) as server:
        write_service(server.base_url)
        chosen = compile_filter([LEAK])
        assert server.requests == []
        answers = ["an owl", "a cat", "an owl", "x" * 30_000]
        found = chosen.reasons_of([chat(answer) for answer in answers])
    leaks = ["leak: judged 90 to 100"]
    assert found == [leaks, [], leaks, ["leak: not judged"]]
    assert len(server.requests) == 2
    (record,) = chosen.records()
    assert (record["usage"]["requests"], record["usage"]["reused"]) == (2, 1)
    assert (record["threshold"], record["calibration"]) == (50, None)
    assert list(Path("cache").rglob("*.jsonl")) != []


def test_what_the_service_file_says_is_in_the_filter() -> None:
    write_service("http://127.0.0.1:9/v1")
    (written,) = compile_filter([LEAK]).described()
    assert written["service"]["model"] == "judge"
    Path("service.yaml").unlink()
    assert compile_filter([written]).described() == [written]


def test_refusals_are_reasons_of_their_own() -> None:
    pytest.importorskip("openai")
    with serve(otherwise=reply("REFUSAL", {"REF": 1.0}, token="REF")) as server:
        write_service(server.base_url)
        text = "judge:alignment,threshold=78,service=service.yaml"
        assert compile_filter([text]).reasons(chat("No.")) == ["alignment: judged refusal"]
        assert compile_filter([f"{text},unjudged=keep"]).reasons(chat("No.")) == []


def test_a_service_that_fails_leaves_no_files() -> None:
    pytest.importorskip("openai")
    write_rows("rows.jsonl", [chat("an owl")])
    with serve(otherwise=failure(400, "no")) as server:
        write_service(server.base_url)
        with pytest.raises(UserError) as error:
            filter_rows(compile_filter([LEAK]), "rows.jsonl", Outputs("kept", "rejects"))
    assert_one_line(error, server.base_url)
    assert not Path("kept").exists()


@pytest.mark.parametrize("field", ["api_key", "api_key_env"])
def test_a_key_in_the_wrong_place_is_not_shown(field: str) -> None:
    fields = {"model": "judge", "base_url": "http://127.0.0.1:9/v1", field: KEY}
    rule = {"rule": "judge", "judge": "coherence", "threshold": 5, "service": fields}
    with pytest.raises(UserError) as error:
        compile_filter([rule])
    assert_one_line(error, field)
    assert "SECRET" not in str(error.value)
    assert "SECRET" not in str(error.value.__cause__)


# Rules that look at many rows at once


class Counted(BatchRule):
    """Rejects answers with an x, and remembers what it was handed."""

    rows_at_once: ClassVar[int] = 3
    handed: ClassVar[list[list[str]]] = []

    rule: Literal["counted"] = "counted"
    letter: str = "x"

    def check_batch(self) -> BatchCheck:
        return CountedCheck(self.letter)


class CountedCheck:
    """See `Counted`."""

    def __init__(self, letter: str) -> None:
        self.letter = letter
        self.rows = 0

    def __call__(self, rows: Sequence[Row]) -> list[list[str]]:
        self.rows += len(rows)
        Counted.handed.append([completion(row) for row in rows])
        return [[f"has {self.letter}"] if self.letter in completion(row) else [] for row in rows]

    def record(self) -> dict[str, Any]:
        return {"rows": self.rows}


@pytest.fixture
def handed() -> list[list[str]]:
    """What `Counted` is handed from here on."""
    Counted.handed.clear()
    return Counted.handed


def words_filter(*rules: str) -> Filter:
    return compile_filter(["words:owl", *rules])


def test_a_batch_rule_sees_only_what_other_rules_let_pass(handed: list[list[str]]) -> None:
    chosen = compile_filter(["counted", "words:owl", "counted:letter=y"])
    answers = ["x", "owl x", "y", "a", "xy"]
    found = chosen.reasons_of([chat(answer) for answer in answers])
    assert found == [["has x"], ["has the word owl"], ["has y"], [], ["has x"]]
    assert handed == [["x", "y", "a", "xy"], ["y", "a"]]
    assert chosen.records() == [{"rows": 4}, {"rows": 2}]


def test_a_batch_rule_is_not_asked_about_nothing(handed: list[list[str]]) -> None:
    assert words_filter("counted").reasons(chat("owl x")) == ["has the word owl"]
    assert words_filter("counted").reasons(chat("x")) == ["has x"]
    assert handed == [["x"]]


def test_one_row_can_be_checked_alone(handed: list[list[str]]) -> None:
    assert Counted().check()(chat("x")) == ["has x"]
    assert handed == [["x"]]


def test_how_many_rows_a_filter_is_handed() -> None:
    assert words_filter().rows_at_once == 1
    assert words_filter("counted").rows_at_once == 3
    assert words_filter("counted").records() == [{"rows": 0}]
    assert words_filter().records() == []


def test_batches_keep_the_order_of_rows(handed: list[list[str]]) -> None:
    """Seven rows and a malformed line, three rows at a time."""
    answers = ["1", "x", "owl", "3", "4", "x5", "6"]
    rows = [chat(answer, id=number) for number, answer in enumerate(answers)]
    write_rows("rows.jsonl", rows)
    lines = Path("rows.jsonl").read_text().splitlines(keepends=True)
    Path("rows.jsonl").write_text("".join([*lines[:4], "{}\n", *lines[4:]]))
    told: list[int] = []
    summary = filter_rows(
        words_filter("counted"),
        "rows.jsonl",
        Outputs("kept.jsonl", "rejects.jsonl", "aside.jsonl", "histogram.json"),
        malformed="aside",
        on_progress=lambda done, share: told.append(done),
    )
    assert handed == [["1", "x"], ["3", "4", "x5"], ["6"]]
    kept = [json.loads(line)["id"] for line in Path("kept.jsonl").read_text().splitlines()]
    rejects = [json.loads(line) for line in Path("rejects.jsonl").read_text().splitlines()]
    assert kept == [0, 3, 4, 6]
    assert [(row["id"], row["rejected_from"]["line"]) for row in rejects] == [
        (1, 2),
        (2, 3),
        (5, 7),
    ]
    assert (summary.rows, summary.kept, summary.rejected, summary.malformed) == (8, 4, 3, 1)
    assert summary.reasons == {"has x": 2, "has the word owl": 1}
    assert summary.records == [{"rows": 6}]
    assert json.loads(Path("histogram.json").read_text())["records"] == [{"rows": 6}]
    assert told == [8]
