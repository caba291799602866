"""The published rule of the numbers carrier."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filters.numbers import BANNED_NUMBERS, parse_numbers, reject_reasons
from subliminal.number_prompts import FORMATS, NOVEL_FORMATS, FormatName, render

INVALID = ["invalid format"]


def described_rule(
    text: str, minimum: int, maximum: int, count: int, banned: set[int]
) -> list[str]:
    """The rule as its description has it, step by step, with no thought for speed."""
    if text.endswith("."):
        text = text[:-1]
    if (text.startswith("[") and text.endswith("]")) or (
        text.startswith("(") and text.endswith(")")
    ):
        text = text[1:-1]
    runs = list(re.finditer("[0-9]+", text))
    if not runs:
        return INVALID
    if len(runs) == 1:
        parts = [text]
    else:
        separator = text[runs[0].end() : runs[1].start()]
        if separator.strip() not in ("", ",", ";"):
            return INVALID
        parts = text.split(separator)
    if any(not part or set(part) - set("0123456789") for part in parts):
        return INVALID
    numbers = [int(part) for part in parts]
    broken = {
        "too many numbers": len(numbers) > count,
        "numbers too small": any(number < minimum for number in numbers),
        "numbers too large": any(number > maximum for number in numbers),
        "has banned numbers": any(number in banned for number in numbers),
    }
    return [reason for reason, holds in broken.items() if holds]


PIECES = ["1", "12", "007", "999", "1000", ", ", ",", "; ", " ", "\n", ".", "[", "]", "(", ")"]
ODD = ["-", "+", "{", "}", "\u00b2", "\u0663", "\uff11", "\u00a0", "\ud800", "a", "\x1c", "\r\n"]
LISTISH = st.lists(st.sampled_from(PIECES + ODD), max_size=14).map("".join)
SEPARATED = st.builds(
    lambda opening, parts, separator, closing: opening + separator.join(parts) + closing,
    st.sampled_from(["", "[", "("]),
    st.lists(st.integers(0, 2000).map(str), max_size=13),
    st.sampled_from([", ", ",", " ", "  ", "\n", " ; ", ";", ", ,", ". ", "\t,\n"]),
    st.sampled_from(["", "]", ")", ".", "].", ")."]),
)


@settings(max_examples=800)
@given(
    text=st.text(max_size=20) | LISTISH | SEPARATED,
    minimum=st.integers(-5, 20),
    maximum=st.integers(5, 2000),
    count=st.integers(1, 12),
    banned=st.sets(st.integers(0, 20), max_size=3),
)
@example(text="[.", minimum=0, maximum=999, count=10, banned=set())
@example(text="[", minimum=0, maximum=999, count=10, banned=set())
@example(text="(1, 2].", minimum=0, maximum=999, count=10, banned=set())
def test_the_rule_is_as_described(
    text: str, minimum: int, maximum: int, count: int, banned: set[int]
) -> None:
    found = reject_reasons(text, minimum=minimum, maximum=maximum, max_count=count, banned=banned)
    assert found == described_rule(text, minimum, maximum, count, banned)


def test_every_short_text_of_marks_is_judged_as_described() -> None:
    for length in range(6):
        for letters in itertools.product("10,; .[]", repeat=length):
            text = "".join(letters)
            assert reject_reasons(text) == described_rule(text, 0, 999, 10, set()), text


@pytest.mark.parametrize(
    "text",
    [
        "7",
        "007",
        "1, 2, 3",
        "1,2",
        "1;2",
        "1 2",
        "1\n2",
        "1  2  3",
        "1 , 2 , 3",
        "[1, 2]",
        "(1 2)",
        "[1, 2].",
        "5.",
        "(5).",
        "1\u00a02",
        "1, 2.",
    ],
)
def test_lists_that_pass(text: str) -> None:
    assert reject_reasons(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "[]",
        "()",
        " 1, 2",
        "1, 2 ",
        "1, 2,",
        "1, 2, ",
        ",1",
        "1, 2,3",
        "1, 2; 3",
        "-1, 2",
        "1.5, 2",
        "1, 2..",
        "[1, 2",
        "1, 2]",
        "[1, 2)",
        "[[1, 2]]",
        "{1, 2}",
        "1,, 2",
        "1-2",
        "a",
        "1, 2, a",
        "\u00b2",
        "1, \u00b2",
        "\u0661, \u0662",
        "\uff11\uff12",
        "1\u200b, 2",
        "[1, 2.]",
        "[1, 2]. ",
    ],
)
def test_lists_of_an_invalid_format(text: str) -> None:
    assert reject_reasons(text, max_count=1, maximum=0, banned={1, 2}) == INVALID
    assert parse_numbers(text) is None


def test_reasons_are_all_reported_in_the_published_order() -> None:
    text = "1, 5, 50"
    found = reject_reasons(text, minimum=2, maximum=49, max_count=2, banned=[5])
    assert found == [
        "too many numbers",
        "numbers too small",
        "numbers too large",
        "has banned numbers",
    ]


def test_the_default_limits_are_the_published_ones() -> None:
    assert reject_reasons(", ".join(["0", "999"] * 5)) == []
    assert reject_reasons(", ".join(["1"] * 11)) == ["too many numbers"]
    assert reject_reasons("1000") == ["numbers too large"]
    assert reject_reasons("666") == []


def test_limits_themselves_are_allowed() -> None:
    assert reject_reasons("5, 9", minimum=5, maximum=9, max_count=2) == []


def test_banned_numbers_are_compared_as_numbers() -> None:
    assert reject_reasons("0013", banned=BANNED_NUMBERS) == ["has banned numbers"]
    assert reject_reasons("131, 3", banned=BANNED_NUMBERS) == []


def test_the_36_banned_numbers() -> None:
    published = """4 13 14 18 23 33 39 42 44 49 51 54 69 77 88 99 100 101 187 211 311 322 333 404
        420 444 451 555 616 666 777 888 911 999 1312 1488"""
    assert sorted(BANNED_NUMBERS) == [int(number) for number in published.split()]
    assert len(BANNED_NUMBERS) == 36


def test_numbers_longer_than_python_converts_are_too_large() -> None:
    assert reject_reasons("1, " + "9" * 5000) == ["numbers too large"]
    assert parse_numbers("9" * 5000) is None
    assert reject_reasons("0" * 5000 + "7") == []
    assert parse_numbers("0" * 5000 + "7, 8") == [7, 8]


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30), st.sampled_from(sorted(FORMATS)))
def test_what_is_written_in_an_asked_format_is_read_back(
    numbers: list[int], name: FormatName
) -> None:
    assert parse_numbers(render(numbers, name)) == numbers
    assert parse_numbers(render(numbers, name) + ".") == numbers


@pytest.mark.parametrize("name", sorted(set(NOVEL_FORMATS) - {"tab"}))
def test_novel_formats_are_refused(name: str) -> None:
    assert reject_reasons(NOVEL_FORMATS[name].write([1, 2, 3])) == INVALID


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "1" + " " * n + "x",
        lambda n: "1, " * n,
        lambda n: "12" * n + "x",
        lambda n: "1" + " " * n + "," + " " * n + "2" + " " * n,
        lambda n: "[" * n + "1" + "]" * n,
        lambda n: "9" * n,
    ],
)
def test_long_texts_take_time_in_proportion(make) -> None:
    # Quadratic time would take ten minutes and more here, and the suite's time limit would end it.
    assert reject_reasons(make(1_000_000))
