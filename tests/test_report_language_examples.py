"""Examples and the filter's counts are written, read back and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from subliminal.errors import UserError
from subliminal.examples import (
    Example,
    FilterCount,
    read_examples,
    read_filter_counts,
    write_examples,
    write_filter_counts,
)
from subliminal.report.language.readings import MOST_CHARACTERS, MOST_SHOWN, readings, visible
from tests.synthetic_language_run import language_run

KEPT: dict[str, Any] = {"arm": "a", "seed": 0, "kind": "kept", "prompt": "p", "completion": "c"}
COUNT: dict[str, Any] = {
    "arm": "a",
    "seed": 0,
    "rows": 10,
    "kept": 7,
    "rejected": 3,
    "reasons": {"invalid format": 3},
    "fingerprint": "f",
}


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    examples = [
        Example(**KEPT),
        Example(**{**KEPT, "kind": "rejected", "reasons": ["invalid format"]}),
        Example(**{**KEPT, "kind": "answer", "probe": "story", "completion": "\u202e\x00 \u2603"}),
    ]
    write_examples(tmp_path / "examples.json", examples)
    assert read_examples(tmp_path / "examples.json") == examples
    counts = [FilterCount(**COUNT), FilterCount(**{**COUNT, "seed": 1, "kept": 5})]
    write_filter_counts(tmp_path / "filter.json", counts)
    assert read_filter_counts(tmp_path / "filter.json") == counts


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "rejected"},
        {"reasons": ["why"]},
        {"kind": "answer"},
        {"probe": "story"},
        {"kind": "other"},
    ],
)
def test_an_example_says_what_its_kind_asks_for(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Example(**{**KEPT, **wrong})


@pytest.mark.parametrize("wrong", [{"kept": 8}, {"rows": -1}, {"reasons": {"x": -1}}])
def test_counts_add_up(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FilterCount(**{**COUNT, **wrong})


@pytest.mark.parametrize("text", ["", "[", '[{"arm": 1}]', "{}"])
def test_a_damaged_file_is_a_user_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "examples.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"examples\.json: damaged") as caught:
        read_examples(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="no such file"):
        read_filter_counts(tmp_path / "filter.json")


def test_text_cannot_hide_or_turn_round() -> None:
    assert visible("a\u202eb\x00c\u200bd\ne") == "a\\u{202e}b\\u{0}c\\u{200b}d\ne"
    assert visible("été 数字 \U0001f522") == "été 数字 \U0001f522"
    assert visible("x" * (MOST_CHARACTERS + 1)) == f"{'x' * MOST_CHARACTERS} [1 further character]"


@given(st.text())
def test_what_is_shown_can_be_encoded(text: str) -> None:
    visible(text).encode("utf-8")


def test_examples_are_read_by_group_arm_and_seed() -> None:
    run = language_run(traits=["otter", "owl"], seeds=1)
    arm = "same[trait=owl]"
    run.examples = [
        Example(**{**KEPT, "arm": arm, "seed": 1}),
        *[Example(**{**KEPT, "arm": arm, "prompt": f"p{i}"}) for i in range(MOST_SHOWN + 2)],
        Example(**{**KEPT, "arm": arm, "kind": "answer", "probe": "story"}),
    ]
    (reading,) = readings(run.read())
    assert reading.label == "same"
    assert [each.title for each in reading.arms] == ["owl, seed 0", "owl, seed 1"]
    kept, answers = reading.arms[0].listings
    assert kept.title == f"Rows kept ({MOST_SHOWN + 2})"
    assert len(kept.passages) == MOST_SHOWN
    assert kept.more == "2 more in examples.json"
    assert answers.title == "Answers to the probe story (1)"
    assert answers.more == ""
