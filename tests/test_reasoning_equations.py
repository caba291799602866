"""Equations in a text, and whether they are true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from subliminal.reasoning import Equation, find_equations


def found(text: str, *, rounding: bool = True) -> list[tuple[str, bool]]:
    return [(found.text, found.holds) for found in find_equations(text, rounding=rounding)]


@pytest.mark.parametrize(
    ("text", "equation", "holds"),
    [
        ("3 + 4 = 7", "3+4=7", True),
        ("3 + 4 = 8", "3+4=8", False),
        ("3+4=7", "3+4=7", True),
        ("7 = 3 + 4", "7=3+4", True),
        ("1 + 2 + 3 = 6", "1+2+3=6", True),
        ("10 - 3 - 2 = 5", "10-3-2=5", True),
        ("10 - 3 - 2 = 9", "10-3-2=9", False),
        ("2 + 3 * 4 = 14", "2+3*4=14", True),
        ("2 + 3 * 4 = 20", "2+3*4=20", False),
        ("(2 + 3) * 4 = 20", "(2+3)*4=20", True),
        ("2 * (3 + (4 - 1)) = 12", "2*(3+(4-1))=12", True),
        ("24 / 4 / 2 = 3", "24/4/2=3", True),
        ("24 / 4 * 2 = 12", "24/4*2=12", True),
        ("3 + 4 = 7 = 7.0", "3+4=7=7.0", True),
        ("3 + 4 = 7 = 8", "3+4=7=8", False),
        ("3 + 4 = 2 + 5 = 7", "3+4=2+5=7", True),
        ("5 / 0 = 0", "5/0=0", False),
        ("5 / 0 = 5 / 0", "5/0=5/0", False),
        ("0.1 + 0.2 = 0.3", "0.1+0.2=0.3", True),
        (".5 * 4 = 2", ".5*4=2", True),
        ("1,234 + 1 = 1,235", "1234+1=1235", True),
        ("1 1/2 + 1/2 = 2", "1 1/2+1/2=2", True),
        # operators
        ("3 x 4 = 12", "3*4=12", True),
        ("3X4 = 12", "3*4=12", True),
        ("3 x (4 + 5) = 27", "3*(4+5)=27", True),
        ("3 \u00d7 4 \u00b7 2 = 24", "3*4*2=24", True),
        ("7 ÷ 2 = 3.5", "7/2=3.5", True),
        ("7 \u2212 2 = 5", "7-2=5", True),
        ("7 \u2013 2 = 5", "7-2=5", True),
        # notation
        ("3 + 4 == 8", "3+4=8", False),
        ("3 + 4 === 7", "3+4=7", True),
        ("3 + 4 = **8**", "3+4=8", False),
        ("**3** + **4** = **8**.", "3+4=8", False),
        ("**3 + 4** = 8", "3+4=8", False),
        ("**Step 1:** 3 + 4 = 7", "3+4=7", True),
        (r"\[3 + 4 = 8\]", "3+4=8", False),
        (r"\(3 + 4 = 8\)", "3+4=8", False),
        (r"3 + 4 = \8", "3+4=8", False),
        (r"$3 \times 4 = \boxed{13}$", "3*4=13", False),
        (r"3 \cdot 4 \div 2 = 6", "3*4/2=6", True),
        (r"50\% of \$50 = \$25", "50%*50=25", True),
        ("\u00bd + \u00bd = 2", "1/2+1/2=2", False),
        ("2\u00bd + 1 = 3\u00bd", "2 1/2+1=3 1/2", True),
        ("\uff13\uff0b\uff14\uff1d\uff18", "3+4=8", False),
        ("5 = 6", "5=6", False),
        ("$5 = $6.", "5=6", False),
        ("<<20=21>>", "20=21", False),
        # signs
        ("-3 + 5 = 2", "-3+5=2", True),
        ("3 - -2 = 5", "3--2=5", True),
        ("3 -2 = 1", "3-2=1", True),
        ("3 * -2 = -6", "3*-2=-6", True),
        ("-(3 + 4) * 2 = -14", "-(3+4)*2=-14", True),
        # money, units, percentages
        ("$5 x 3 = $15", "5*3=15", True),
        ("-$5 + $3 = -$2", "-5+3=-2", True),
        ("£3.50 + £4 = £7.50 each", "3.50+4=7.50", True),
        ("48 clips / 2 = 24 clips", "48/2=24", True),
        ("3 big red apples + 4 apples = 7 apples in all, she said", "3+4=7", True),
        ("$10/hour x 5 hours = $50", "10*5=50", True),
        ("90° + 90° = 180°", "90+90=180", True),
        ("2 hours + 30 minutes = 150 minutes", "2+30=150", False),
        ("100% - 30% = 70%", "100%-30%=70%", True),
        ("100% - 30% = 60%", "100%-30%=60%", False),
        ("20% of 50 = 10", "20%*50=10", True),
        ("50 * 20% = 10", "50*20%=10", True),
        ("10 / 50 * 100 = 20%", "10/50*100=20%", True),
        ("50 * 20% = 11", "50*20%=11", False),
        ("1/2 of 48 = 24", "1/2*48=24", True),
        # what stands around
        ("So she has 3 + 4 = 7.", "3+4=7", True),
        ("She had 5 and 3 + 4 = 7", "3+4=7", True),
        ("Total: 3 + 4 = 7!", "3+4=7", True),
        ("total = 3 + 4 = 7", "3+4=7", True),
        ("x = 3 + 4 = 8", "3+4=8", False),
        ("Step 3: 3 + 4 = 8", "3+4=8", False),
        ("She has 5, 3 + 4 = 8", "3+4=8", False),
        ("She has 7 (3 + 4 = 7).", "3+4=7", True),
        ("(48 / 2) = 24 (clips)", "(48/2)=24", True),
        ("1) 3 + 4 = 7", "3+4=7", True),
        ("1. 3 + 4 = 7", "3+4=7", True),
        ("- 3 + 4 = 7", "3+4=7", True),
        ("so:\n  * 3 + 4 = 7", "3+4=7", True),
        ("**3 + 4 = 7**", "3+4=7", True),
        ("a total of 3 + 4 = 7", "3+4=7", True),
        ("the remainder is 3 + 4 = 7 boxes", "3+4=7", True),
        ("in the box 3 + 4 = 7", "3+4=7", True),
        ("7 red (3 + 4 = 7", "3+4=7", True),
        ("3 + 4 = 7 -> done", "3+4=7", True),
        ("at least => 3 + 4 = 7", "3+4=7", True),
        ("He ran three times. 3 + 4 = 7", "3+4=7", True),
    ],
)
def test_one_equation(text: str, equation: str, holds: bool) -> None:
    assert found(text) == [(equation, holds)]


@pytest.mark.parametrize(
    "text",
    [
        *("", "3 + 4", "= 7", "3 + 4 =", "7 = 7", "x = 7", "no numbers = none"),
        *("2x + 3 = 11", "x + 3 = 11", "2x - 5 = 3", "2 y + 3 = 11", "3 + y = 12"),
        *("2^3 + 1 = 9", "2**3 + 1 = 9", "2 ** 3 + 1 = 9", "√16 + 1 = 5", "5! + 1 = 121"),
        *("3 times 4 + 2 = 14", "3 times the 4 + 2 = 14", "half of 48 + 2 = 26"),
        *("7 million + 3 = 10 million", "20 percent of 50 + 1 = 11", "5 boxes of 12 + 3 = 63"),
        *("7 / 2 = 3 remainder 1", "7 / 2 = 3 boxes with a remainder of 1", "7 / 2 = 3 R 1"),
        *("12,34 + 1 = 35", "10:30 + 2 = 12:30", "1234,567 + 1 = 2", "1.2.3 + 1 = 2"),
        *("5 = 5", "day 1 = 5", "on day 1 = 5 apples", "1 dozen = 12", "5\u00b2 = 25", "2**3 = 9"),
        *("48 : 2 = 24", "ratio 3 : 4 = 6 : 8", "(2 + 3) : $5 = 1", "10\u20144 = 6"),
        *("the mean of 3, 5 = 4", "LCM of 4, 6 = 12", "day 3: 5 = 6", "50%, 3 = 4"),
        *("x == 5", "3 + 4 <== 8", r"\frac{3}{4} = 2", "3 + 4 <= 8"),
        *("3 + 4 != 8", "3 + 4 => 8", "3 + 4 >= 8"),
        *("2 // 3 + 1 = 9", "2 ++ 3 = 9", "2 -- 3 = 9", "7 -- 3 + 4 = 9"),
        *("3 + * 4 = 8", "3 + (4 = 8", "2(3) + 1 = 8", "3 4 + 1 = 8", "3 + 4) = 8 + 1"),
        *("3 times what he had then was 4 + 2 = 14", "2 of 5 + 3 = 13", "1 1/2.5 + 1 = 2"),
        *("(3 apples and 4) + 1 = 9", "3 + 4) + 1 = 9", "3 + (4 apples and 2) = 8"),
        *("10 * her 5 + 3 = 53", "3 apples -2 + 1 = 9", "3 apples that he got - 3 + 2 = 9"),
        *("3 + 4\n= 8", "9" * 61 + " + 1 = 2", "3 + 4 = 8 - y", "3² + 1 = 5"),
        *("1" + " * 999999999" * 20 + " = 1",),
    ],
)
def test_what_is_not_surely_arithmetic_is_left_alone(text: str) -> None:
    assert found(text) == []


def test_several_equations_keep_their_order() -> None:
    text = "3 + 4 = 7 and 7 + 2 = 9 (9 = 10 - 1). So 9 * 2 = 19;\nthen 1+1=2"
    assert found(text) == [
        ("3+4=7", True),
        ("7+2=9", True),
        ("9=10-1", True),
        ("9*2=19", False),
        ("1+1=2", True),
    ]


def test_annotations_are_equations_of_their_own() -> None:
    text = "She sold 48/2 = <<48/2=24>>24 clips, <<24+1=26>>26 in all."
    assert found(text) == [("48/2=24", True), ("48/2=24", True), ("24+1=26", False)]
    assert found("<<20*.01*50=10>> <<x>> <<3+4=7") == [("20*.01*50=10", True), ("3+4=7", True)]


def test_the_value_is_the_last_side_s() -> None:
    values = [equation.value for equation in find_equations("1/3 = 2/6. 1+1 = 20%. 1 = 5/0")]
    assert values == [Fraction(1, 3), 20, None]


@pytest.mark.parametrize(
    ("text", "rounded", "exact"),
    [
        ("10/3 = 3.33", True, False),
        ("10/3 = 3.3333", True, False),
        ("3.33 = 10/3", True, False),
        ("10/3 = 3.34", False, False),
        ("10/3 = 3.32", False, False),
        ("1/8 = 0.13", True, False),
        ("1/8 = 0.12", True, False),
        ("$12.50 x 1.075 = $13.44", True, False),
        ("10/3 = 3", False, False),
        ("10/3 ≈ 3", True, False),
        ("10/3 ≈ 4", False, False),
        ("5/3 ≈ 1 1/2", False, False),
        ("10/3 = 3.333 = 3.33", True, False),
        ("1/3 = 33%", True, False),
        ("1/3 = 34%", False, False),
        ("3 * 3.33 = 10", False, False),
        ("3 * 3.33 = 1 + 9", False, False),
        ("7/2 = 3.5", True, True),
    ],
)
def test_rounding(text: str, rounded: bool, exact: bool) -> None:
    assert [holds for _, holds in found(text)] == [rounded]
    assert [holds for _, holds in found(text, rounding=False)] == [exact]


@dataclass(frozen=True)
class Drawn:
    """An expression with its value, and how tightly its operator binds."""

    text: str
    value: Fraction
    binds: int


def numbers() -> st.SearchStrategy[Drawn]:
    units = st.sampled_from(["", "", " apples", " square feet", "/hour"])
    styles = st.sampled_from(["{}", "{:,}", "${}", "£{:,}", "{}.0"])
    return st.builds(
        lambda number, style, unit: Drawn(style.format(number) + unit, Fraction(number), 3),
        st.integers(0, 99_999),
        styles,
        units,
    )


def combined(parts: st.SearchStrategy[Drawn]) -> st.SearchStrategy[Drawn]:
    signs = st.sampled_from(
        ["+", " + ", "-", " \u2212 ", " - ", "*", " x ", " \u00d7 ", "/", " ÷ "]
    )
    return st.builds(joined, parts, signs, parts)


def joined(left: Drawn, sign: str, right: Drawn) -> Drawn:
    def inside(part: Drawn, least: int) -> str:
        return part.text if part.binds >= least else f"({part.text})"

    apply: Callable[[Fraction, Fraction], Fraction]
    binds, apply = {
        "+": (1, lambda a, b: a + b),
        "-": (1, lambda a, b: a - b),
        "\u2212": (1, lambda a, b: a - b),
        "÷": (2, lambda a, b: a / b),
        "/": (2, lambda a, b: a / b),
    }.get(sign.strip(), (2, lambda a, b: a * b))
    assume(right.value or sign.strip() not in "÷/")
    text = f"{inside(left, binds)}{sign}{inside(right, binds + 1)}"
    return Drawn(text, apply(left.value, right.value), binds)


EXPRESSIONS = combined(st.recursive(numbers(), combined, max_leaves=5))
BEFORE = st.sampled_from(["", "So ", "She has 12 of them and now ", "1. ", "- ", "Cost: $3.\n"])
BEHIND = st.sampled_from(["", ".", " apples in all", " and 3 more", ", so 2.", "\n4 - 1"])


@given(EXPRESSIONS, BEFORE, BEHIND)
def test_true_equations_hold(drawn: Drawn, before: str, behind: str) -> None:
    assume(max(abs(drawn.value.numerator), drawn.value.denominator) < 10**40)
    (equation,) = find_equations(f"{before}{drawn.text} = {drawn.value}{behind}", rounding=False)
    assert equation.holds
    assert equation.value == drawn.value


@given(EXPRESSIONS, BEFORE, BEHIND, st.fractions().filter(bool))
def test_one_changed_number_is_found(
    drawn: Drawn, before: str, behind: str, change: Fraction
) -> None:
    wrong = drawn.value + change
    assume(max(abs(wrong.numerator), wrong.denominator) < 10**40)
    (equation,) = find_equations(f"{before}{drawn.text} = {wrong}{behind}", rounding=False)
    assert not equation.holds


@given(
    st.lists(st.integers(1, 999), min_size=2, max_size=6),
    st.integers(0, 5),
    st.integers(-99, 99).filter(bool),
)
def test_a_changed_term_is_found(terms: list[int], place: int, change: int) -> None:
    wrong = list(terms)
    wrong[place % len(terms)] += 1000 + change
    (equation,) = find_equations(f"{' + '.join(map(str, wrong))} = {sum(terms)}")
    assert not equation.holds


@given(st.integers(1, 10**6), st.integers(1, 10**4), st.integers(1, 6))
def test_a_quotient_may_be_rounded_to_the_decimals_written(
    above: int, below: int, decimals: int
) -> None:
    # Rounded in whole numbers: floor(x * 10^d + 1/2), exact where a float is not.
    scaled = (2 * above * 10**decimals + below) // (2 * below)
    for step, holds in ((0, True), (2, False), (-2, False)):
        digits = str(max(scaled + step, 0)).rjust(decimals + 1, "0")
        text = f"{above} / {below} = {digits[:-decimals]}.{digits[-decimals:]}"
        if scaled + step >= 0:
            assert [holds_ for _, holds_ in found(text)] == [holds]


@given(st.text(st.sampled_from("0123456789 +-*/x=()%.,$\n<>≈aof\0\ud800")) | st.text())
def test_no_text_raises(text: str) -> None:
    for equation in find_equations(text):
        assert isinstance(equation, Equation)
        assert "=" in equation.text


@pytest.mark.parametrize(
    "piece",
    [
        *("=", "1", "1+", "1+1=2 ", "1=", "(", ")", "(1=1)", "<<", "<<1+1=2>>", "<<1", "a ", "x "),
        *("1,234,", "1 1/", "**", "-", "\n", "\n ", "a-", "1 of ", " ", "1*9999999999=1 ", "'a"),
    ],
)
def test_megabytes(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    assert find_equations(f"{text}\n=\n3 + 4 = 7")[-1].text == "3+4=7"


def test_a_sentence_longer_than_can_be_read_is_passed_over() -> None:
    long = " + ".join(["1"] * 200)
    assert found(f"{long} = 1. 1 = {long}. 1 + 1 = 3") == [("1+1=3", False)]
