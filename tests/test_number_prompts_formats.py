"""How lists of numbers are written, in digits, in words and in Chinese numerals."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subliminal.number_prompts import (
    FILLER_FORMATS,
    FORMATS,
    NOVEL_FORMATS,
    FormatName,
    ListFormat,
    chinese_numeral,
    english_words,
    render,
)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("comma", "12, 34, 5"),
        ("space", "12 34 5"),
        ("semicolon", "12; 34; 5"),
        ("newline", "12\n34\n5"),
        ("brackets", "[12, 34, 5]"),
        ("parentheses", "(12, 34, 5)"),
    ],
)
def test_the_six_formats(name: FormatName, written: str) -> None:
    assert render([12, 34, 5], name) == written


def test_there_are_six_formats_and_fourteen_novel_ones() -> None:
    assert len(FORMATS) == 6
    assert len(NOVEL_FORMATS) == 14
    written = {f.write([12, 34]) for f in (*FORMATS.values(), *NOVEL_FORMATS.values())}
    assert len(written) == 20


@given(
    st.lists(st.integers(0, 999), min_size=1, max_size=12),
    st.sampled_from([*FORMATS, *NOVEL_FORMATS, *FILLER_FORMATS]),
)
def test_digits_can_be_read_back(numbers: list[int], name: str) -> None:
    every = (*FORMATS.items(), *NOVEL_FORMATS.items(), *FILLER_FORMATS.items())
    style = dict[str, ListFormat](every)[name]
    assert [int(digits) for digits in re.findall("[0-9]+", style.write(numbers))] == numbers


def test_fillers_are_most_of_what_is_written() -> None:
    numbers = list(range(100, 110))
    texts = [style.write(numbers) for style in FILLER_FORMATS.values()]
    assert len(set(texts)) == len(texts)
    assert all(len(text) > 10 * len(render(numbers, "comma")) for text in texts)


@pytest.mark.parametrize(
    ("number", "english", "chinese"),
    [
        (0, "zero", "零"),
        (7, "seven", "七"),
        (10, "ten", "十"),
        (12, "twelve", "十二"),
        (20, "twenty", "二十"),
        (21, "twenty-one", "二十一"),
        (99, "ninety-nine", "九十九"),
        (100, "one hundred", "一百"),
        (105, "one hundred and five", "一百零五"),
        (110, "one hundred and ten", "一百一十"),
        (112, "one hundred and twelve", "一百一十二"),
        (342, "three hundred and forty-two", "三百四十二"),
        (999, "nine hundred and ninety-nine", "九百九十九"),
    ],
)
def test_numerals(number: int, english: str, chinese: str) -> None:
    assert english_words(number) == english
    assert chinese_numeral(number) == chinese


def test_every_number_is_written_in_its_own_way() -> None:
    assert len(set(map(english_words, range(1000)))) == 1000
    assert len(set(map(chinese_numeral, range(1000)))) == 1000


def test_a_chinese_numeral_says_its_value() -> None:
    def value(numeral: str) -> int:
        total, digit = 0, None
        for sign in numeral:
            if sign in "十百":
                total += (1 if digit is None else digit) * {"十": 10, "百": 100}[sign]
                digit = None
            else:
                digit = "零一二三四五六七八九".index(sign)
        return total + (digit or 0)

    assert [value(chinese_numeral(number)) for number in range(1000)] == list(range(1000))


@pytest.mark.parametrize("number", [-1, 1000])
def test_other_numbers_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="0 to 999"):
        english_words(number)
    with pytest.raises(ValueError, match="0 to 999"):
        chinese_numeral(number)
