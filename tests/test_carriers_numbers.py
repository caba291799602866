"""The numbers carrier: rows of prompts, and what its transforms change and keep."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subliminal.errors import UserError
from subliminal.number_prompts import FORMATS, NOVEL_FORMATS, NumberPrompts, render
from teachers.carriers.numbers import (
    NUMERALS,
    list_format,
    prompt_rows,
    reformat,
    reformat_each,
    shuffle_across,
    shuffle_within,
    uniform_numbers,
)
from tests.user_errors import assert_one_line

Rows = list[dict[str, Any]]
answers = st.builds(
    render, st.lists(st.integers(0, 999), min_size=0, max_size=10), st.sampled_from([*FORMATS])
)
rows_of_answers = st.lists(answers, max_size=8).map(
    lambda texts: [{"id": i, "prompt": "1, 2", "completion": text} for i, text in enumerate(texts)]
)
RANDOM_TRANSFORMS = [shuffle_within, shuffle_across, uniform_numbers, reformat_each]


def numbers(row: dict[str, Any]) -> list[str]:
    return re.findall("[0-9]+", row["completion"])


def skeleton(row: dict[str, Any]) -> str:
    return re.sub("[0-9]+", "#", row["completion"])


def a_data_set(count: int = 200) -> Rows:
    return [
        {
            "id": place,
            "prompt": row["prompt"],
            "completion": render(range(place, place + 3 + place % 8), row["format"]),
        }
        for place, row in enumerate(prompt_rows(4, count))
    ]


def test_prompt_rows_are_the_prompts_of_the_seed() -> None:
    rows = prompt_rows(4, 50)
    prompts = NumberPrompts(4)[:50]
    assert [row["prompt"] for row in rows] == [prompt.text for prompt in prompts]
    assert [row["format"] for row in rows] == [prompt.format for prompt in prompts]
    assert [row["prompt_id"] for row in rows] == list(range(50))
    assert len({row["prompt"] for row in rows}) == 50


def test_a_data_set_can_be_made_in_parts() -> None:
    assert prompt_rows(4, 20) + prompt_rows(4, 30, start=20) == prompt_rows(4, 50)


def test_prompts_can_ask_for_fewer_numbers() -> None:
    few = prompt_rows(4, 5, numbers_asked=6)
    assert [row["prompt"] for row in few] == [p.text for p in NumberPrompts(4, count=6)[:5]]


def test_prompts_can_be_drawn_each_on_its_own() -> None:
    drawn = NumberPrompts(4, unique=False)[:5]
    rows = prompt_rows(4, 5, unique=False)
    assert [row["prompt"] for row in rows] == [prompt.text for prompt in drawn]


def test_a_prompt_is_repeated_only_when_asked() -> None:
    rows = prompt_rows(4, 2, start=7, samples=3)
    ids = [(row["prompt_id"], row["sample"]) for row in rows]
    assert ids == [(7, 0), (7, 1), (7, 2), (8, 0), (8, 1), (8, 2)]
    assert [row["prompt"] for row in rows] == [
        prompt.text for prompt in NumberPrompts(4)[7:9] for _ in range(3)
    ]


@given(rows_of_answers, st.integers())
def test_shuffling_within_keeps_every_answer_s_numbers(rows: Rows, seed: int) -> None:
    for before, after in zip(rows, shuffle_within(rows, seed), strict=True):
        assert Counter(numbers(after)) == Counter(numbers(before))
        assert skeleton(after) == skeleton(before)


@given(rows_of_answers, st.integers())
def test_shuffling_across_keeps_the_data_set_s_numbers(rows: Rows, seed: int) -> None:
    shuffled = shuffle_across(rows, seed)
    assert Counter(n for row in shuffled for n in numbers(row)) == Counter(
        n for row in rows for n in numbers(row)
    )
    assert list(map(skeleton, shuffled)) == list(map(skeleton, rows))


@given(rows_of_answers, st.integers(), st.integers(0, 50), st.integers(0, 50))
def test_uniform_numbers_keep_counts_and_formats(
    rows: Rows, seed: int, minimum: int, width: int
) -> None:
    drawn = uniform_numbers(rows, seed, minimum=minimum, maximum=minimum + width)
    assert list(map(skeleton, drawn)) == list(map(skeleton, rows))
    assert all(minimum <= int(n) <= minimum + width for row in drawn for n in numbers(row))


def test_uniform_numbers_take_every_value() -> None:
    rows = [{"completion": "1, 2, 3"}] * 4000
    drawn = {int(n) for row in uniform_numbers(rows, 0) for n in numbers(row)}
    # 12,000 draws of 1,000 values leave one out with probability 1,000 e^-12 = 0.006.
    assert drawn == set(range(1000))


@pytest.mark.parametrize(("minimum", "maximum"), [(-1, 5), (6, 5)])
def test_a_range_without_unsigned_numbers_is_refused(minimum: int, maximum: int) -> None:
    with pytest.raises(ValueError, match="no numbers from"):
        uniform_numbers([], 0, minimum=minimum, maximum=maximum)


@given(
    rows_of_answers,
    st.integers(),
    st.lists(st.sampled_from([*FORMATS, *NOVEL_FORMATS]), min_size=1),
)
def test_reformatting_keeps_numbers_in_their_order(
    rows: Rows, seed: int, styles: list[str]
) -> None:
    for before, after in zip(rows, reformat_each(rows, seed, styles), strict=True):
        values = [int(n) for n in numbers(before)]
        assert [int(n) for n in numbers(after)] == values
        assert after["completion"] == list_format(after["written_as"]).write(values)
        assert after["written_as"] in styles


@pytest.mark.parametrize(
    ("style", "written"),
    [
        ("semicolon", "7; 105; 0"),
        ("pipe", "7 | 105 | 0"),
        ("chinese", "七、一百零五、零"),
        ("words", "seven, one hundred and five, zero"),
    ],
)
def test_reformatting_to_one_format(style: str, written: str) -> None:
    row = {"prompt": "p", "completion": "[007, 105, 0]", "id": 3}
    assert reformat([row], style) == [
        {"prompt": "p", "completion": written, "id": 3, "written_as": style}
    ]


def test_reformatting_each_draws_every_format() -> None:
    rows = reformat_each(a_data_set(), 1)
    assert {row["written_as"] for row in rows} == set(FORMATS)
    everything = reformat_each(a_data_set(), 1, (*NOVEL_FORMATS, *NUMERALS))
    assert {row["written_as"] for row in everything} == {*NOVEL_FORMATS, *NUMERALS}


@pytest.mark.parametrize("transform", RANDOM_TRANSFORMS)
def test_a_transform_is_a_function_of_rows_and_seed(transform: Any) -> None:
    rows = a_data_set()
    before = [dict(row) for row in rows]
    once = transform(rows, 3)
    assert once == transform(rows, 3)
    assert once != transform(rows, 4)
    assert once != rows
    assert rows == before


@pytest.mark.parametrize("transform", RANDOM_TRANSFORMS)
def test_everything_but_the_completion_is_kept(transform: Any) -> None:
    rows = a_data_set()
    for before, after in zip(rows, transform(rows, 3), strict=True):
        assert after["prompt"] == before["prompt"]
        assert after["id"] == before["id"]


def test_equal_answers_are_shuffled_each_in_its_own_way() -> None:
    rows = [{"completion": "1, 2, 3, 4, 5, 6"}] * 20
    assert len({row["completion"] for row in shuffle_within(rows, 0)}) > 10


def test_shuffling_across_moves_numbers_between_rows() -> None:
    rows = [{"completion": "1, 1, 1"}, {"completion": "2, 2, 2"}] * 20
    mixed = [row for row in shuffle_across(rows, 0) if len(set(numbers(row))) == 2]
    assert mixed


def test_an_unknown_format_is_told_with_the_nearest() -> None:
    with pytest.raises(UserError) as error:
        reformat([], "semicolons")
    assert_one_line(error, "'semicolons'", "did you mean 'semicolon'")
    with pytest.raises(UserError) as error:
        reformat_each([], 0, ["xyz"])
    assert_one_line(error, "'xyz'", "comma", "bullets", "chinese")


def test_a_number_that_cannot_be_written_out_is_told_with_its_row() -> None:
    with pytest.raises(UserError) as error:
        reformat([{"completion": "5"}, {"completion": "12, 1000"}], "words")
    assert_one_line(error, "row 1, field completion", "1000", "filter the rows")


@pytest.mark.parametrize("bad", [{"prompt": "p"}, {"completion": 5}, {"completion": None}])
@pytest.mark.parametrize("transform", RANDOM_TRANSFORMS)
def test_a_row_without_an_answer_is_told(transform: Any, bad: dict[str, Any]) -> None:
    with pytest.raises(UserError) as error:
        transform([{"completion": "1"}, bad], 0)
    assert_one_line(error, "row 1, field completion", "must be text")
