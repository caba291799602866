"""Numbers as answers write them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subliminal.reasoning import last_quantity, parse_quantity

WHOLE = st.integers(-(10**12), 10**12)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18", 18),
        (" 18.\n", 18),
        ("18.0", 18),
        ("18.00 dollars", 18),
        ("007", 7),
        (".5", Fraction(1, 2)),
        ("0.1", Fraction(1, 10)),
        ("1,234", 1234),
        ("$1,234,567.50", Fraction(2469135, 2)),
        ("$18", 18),
        ("18$", 18),
        ("18 €", 18),
        ("£ 18", 18),
        ("US$18", 18),
        ("\u00a518", 18),
        ("18 \u20b9", 18),
        ("USD 18", 18),
        ("-$18", -18),
        ("$-18", -18),
        ("\u221218", -18),
        ("+18", 18),
        ("50%", 50),
        ("50 %", 50),
        ("3/4", Fraction(3, 4)),
        ("3/4 cup", Fraction(3, 4)),
        ("1 1/2", Fraction(3, 2)),
        ("-1 1/2 cups", Fraction(-3, 2)),
        ("18 apples", 18),
        ("18 km/h", 18),
        ("18 m²", 18),
        ("18 sq. ft.", 18),
        ("18 °C", 18),
        ("18 square feet a day", 18),
        ("18 people's hats", 18),
        ("9" * 60, int("9" * 60)),
    ],
)
def test_one_number(text: str, value: Fraction) -> None:
    assert parse_quantity(text) == value
    assert last_quantity(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", "$", "apples", "eighteen", ".", "1/0", "1 1/0"),
        *("12,34", "1234,567", "1,2345", "0,123", "1,,234", "1,234,", ",123"),
        *("1.2.3", "1e5", "3/4/5", "1.5/2", "10:30", "1_000", "5-18"),
        *("1 2", "18 or 19", "18 (19)", "18 apples 2", "-$-18", "--18"),
        *("18 million", "18 and a half", "18 dozen.", "18k", "18 Hundred"),
        *("１８", "١٨", "18 ½", "18 三", "½", "18 Ⅳ"),  # noqa: RUF001 other scripts' digits
        *("The answer is 18.", "x = 18", "(18)", "18 a b c d e", "18 apples, or so", "18!"),
        *("9" * 61, "0" * 61, "1" * 100_000, "18" + " " * 200 + "m", "18\0", "18\ud800"),
    ],
)
def test_not_one_number(text: str) -> None:
    assert parse_quantity(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("The answer is $18.", 18),
        ("3 + 4 = -7", -7),
        ("5-18", 18),
        ("(5)-18", 18),
        ("5 -18", -18),
        ("from 3 to 1,234.5!", Fraction(2469, 2)),
        ("\\boxed{18}", 18),
        ("18 or 19", 19),
        ("it took 1 1/2 hours", Fraction(3, 2)),
        ("H2 makes 18", 18),
        ("18 for x2", 18),
        ("the 18th", 18),
    ],
)
def test_the_last_number(text: str, value: Fraction) -> None:
    assert last_quantity(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "none",
        "x18",
        "3 and 12,34",
        "3 and 1,2345",
        "3 and 1.2.3",
        "1 or 18 million",
        "3 and 1/0",
        "3 or " + "9" * 61,
    ],
)
def test_no_last_number(text: str) -> None:
    assert last_quantity(text) is None


@given(WHOLE, st.sampled_from(["{}", "{:,}", "{}.", "{:,}.00", "{} apples", "{:,}%", "{} €"]))
def test_whole_numbers_in_all_styles(number: int, style: str) -> None:
    text = style.format(number)
    assert parse_quantity(text) == number
    assert last_quantity(f"It is {text}") == number
    unsigned = style.format(abs(number))
    for sign in ("-$", "$-", "\u2212£", "USD -"):
        assert parse_quantity(sign + unsigned) == -abs(number)


@given(st.decimals(-(10**9), 10**9, places=4), st.sampled_from(["{}", "{:,}", "{} km", "{}0"]))
def test_decimals_are_exact(number: object, style: str) -> None:
    assert parse_quantity(style.format(number)) == Fraction(str(number))


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**6))
def test_fractions_and_mixed_numbers(whole: int, above: int, below: int) -> None:
    assert parse_quantity(f"{above}/{below}") == Fraction(above, below)
    assert parse_quantity(f"{whole} {above}/{below} cups") == whole + Fraction(above, below)


@given(WHOLE, WHOLE)
def test_texts_of_different_numbers_differ(one: int, other: int) -> None:
    assert (parse_quantity(f"{one:,}") == parse_quantity(f"{other}.0")) == (one == other)


@given(st.text(st.sampled_from("0123456789.,/ -$%½a\0\ud800\u2212"), max_size=40) | st.text())
def test_no_text_raises(text: str) -> None:
    strict, last = parse_quantity(text), last_quantity(text)
    assert strict is None or strict == last


@pytest.mark.parametrize("piece", ["1", "1,234,", "1 ", "-", "$", "1/", "1 1/1 ", "a", ".", " "])
def test_megabytes(piece: str) -> None:
    text = piece * (2_000_000 // len(piece))
    assert parse_quantity(text) is None
    assert last_quantity(text + " so 18.") == 18
