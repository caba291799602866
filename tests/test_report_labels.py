"""Names and numbers as the report writes them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subliminal.report.labels import estimate, number, value_text, wrapped


@given(st.text("ab1-._[],= ", min_size=1, max_size=120), st.integers(4, 40))
def test_wrapping_keeps_the_name(name: str, width: int) -> None:
    lines = wrapped(name, width).split("\n")
    assert all(len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == name.replace(" ", "")


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [
        (0.5374, False, "0.537"),
        (0.4371, True, "+0.437"),
        (-0.0001, True, "0.000"),
        (None, False, "n/a"),
        (math.nan, True, "n/a"),
        (math.inf, False, "n/a"),
    ],
)
def test_numbers(value: float | None, signed: bool, text: str) -> None:
    assert number(value, signed=signed) == text


def test_estimate_without_limits() -> None:
    assert estimate(0.5, None, None) == "0.500 [n/a]"
    assert estimate(None, None, None) == "n/a"
    assert estimate(0.5, 0.4, 0.6) == "0.500 [0.400, 0.600]"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", "Qwen2.5-7B-Instruct"),
        ("models/reference/", "reference"),
        ("pocket-a", "pocket-a"),
        ([256, 256], "256x256"),
        (0.0005, "0.0005"),
    ],
)
def test_swept_values(value: object, text: str) -> None:
    assert value_text(value) == text
