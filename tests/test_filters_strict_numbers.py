"""Rules for number lists that the publication does not have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.strict_numbers import copy_reasons, count_reasons, format_reasons, repeat_reasons
from subliminal.number_prompts import FORMATS, FormatName, render

INVALID = ["invalid format"]
OTHER = ["not the format asked for"]
SHARE, RUN = "too many numbers from the prompt", "repeats a run of the prompt"


@pytest.mark.parametrize("asked", sorted(FORMATS))
@pytest.mark.parametrize("written", sorted(FORMATS))
def test_each_format_is_told_from_the_others(asked: FormatName, written: FormatName) -> None:
    assert format_reasons(render([1, 2, 3], written), asked) == ([] if asked == written else OTHER)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("1,2", "comma"),
        ("1 ,\n2", "comma"),
        ("1   2", "space"),
        ("1 \n 2.", "newline"),
        ("1\r\n2", "newline"),
        ("[1 2]", "brackets"),
        ("[7]", "brackets"),
        ("(1; 2).", "parentheses"),
        ("7", "comma"),
        ("7.", "newline"),
    ],
)
def test_ways_to_write_a_format(text: str, asked: FormatName) -> None:
    assert format_reasons(text, asked) == []


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("7", "brackets"),
        ("[7]", "comma"),
        ("[1, 2]", "parentheses"),
        ("1\t2", "space"),
        ("1\t2", "newline"),
        ("(1 2)", "space"),
    ],
)
def test_ways_to_miss_a_format(text: str, asked: FormatName) -> None:
    assert format_reasons(text, asked) == OTHER


def test_count() -> None:
    assert count_reasons("1, 2, 3", 3) == []
    assert count_reasons("1, 2", 3) == ["too few numbers"]
    assert count_reasons("1", 1) == []


def test_repeats() -> None:
    assert repeat_reasons("1, 2, 3") == []
    assert repeat_reasons("1, 2, 01") == ["repeated numbers"]
    # 5 stood in the list before twice, 6 once: three repeats.
    assert repeat_reasons("5, 5, 5, 6, 6", allowed=3) == []
    assert repeat_reasons("5, 5, 5, 6, 6", allowed=2) == ["repeated numbers"]


PROMPT = "Go on after 101, 202, 303, 404. At most 10 more."


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("1, 2, 3, 4", []),
        ("101, 1, 202, 2", []),  # 2 of 4 numbers, which is not above a half
        ("101, 1, 303", [SHARE]),  # 2 of 3
        ("101, 101, 1", [SHARE]),  # a number counts as often as it occurs
        ("1, 202, 303, 404, 2, 3", [RUN]),  # 3 of 6, but in a row
        ("0202, 303, 5, 6", []),  # a run of 2
        ("101, 202, 303, 404", [SHARE, RUN]),
        ("404, 10, 5, 6", []),  # in a row in the prompt, whatever it means there
        ("404, 303, 202, 1, 2, 3", []),  # backwards is no run
        ("10", [SHARE]),
    ],
)
def test_copies_of_the_prompt(text: str, reasons: list[str]) -> None:
    assert copy_reasons(text, PROMPT) == reasons


def test_limits_of_copies() -> None:
    assert copy_reasons("101, 202", PROMPT, max_share=1, max_run=2) == []
    assert copy_reasons("101, 202", PROMPT, max_share=1, max_run=1) == [RUN]
    assert copy_reasons("101, 5, 6, 7", PROMPT, max_share=0.24, max_run=9) == [SHARE]
    assert copy_reasons("101, 5", PROMPT, max_share=1, max_run=0) == [RUN]


@given(st.text(max_size=12), st.text(max_size=12))
def test_no_text_raises(text: str, prompt: str) -> None:
    # What is no list of numbers passes none of the rules.
    found = [
        format_reasons(text, "comma"),
        count_reasons(text, 1),
        repeat_reasons(text),
        copy_reasons(text, prompt),
    ]
    assert (INVALID in found) == all(reasons == INVALID for reasons in found)


def test_numbers_longer_than_python_converts() -> None:
    assert repeat_reasons("9" * 5000) == []
    assert copy_reasons("1, 2", "9" * 5000) == []
