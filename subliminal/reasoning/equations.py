"""Equations in a text, and whether they are true: `48 clips / 2 = 24 clips`, `<<48/2=24>>`.

An equation is a chain `a op b ... = c = ...` of expressions in + - * / and parentheses. Decimals,
grouped numbers, currency signs, percentages and units are read; units are not converted, so that
`2 hours + 30 minutes = 150 minutes` is false as it is written. What is not surely arithmetic is
left alone rather than judged: variables, powers, roots, operations in words, `7 million`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from subliminal.reasoning.arithmetic import (
    NUMBER,
    PERCENT,
    SIGN,
    WORDS,
    Number,
    Token,
    UnreadableError,
    evaluate,
)
from subliminal.reasoning.equation_tokens import EQUALS, segments


@dataclass(frozen=True, slots=True)
class Equation:
    """An equation found in a text."""

    text: str
    """Without white space, words, currency signs and grouping commas, in + - * / and =."""
    value: Number | None
    """What its last side comes to, a percentage as its number; None if that divides by zero."""
    holds: bool


class _Side(NamedTuple):
    tokens: Sequence[Token]
    kinds: Sequence[str]
    values: tuple[Number | None, Number | None]
    """With percentages as mere units and as hundredths; None for a division by zero."""
    is_approximate: bool
    """Whether `≈` stands before it."""


def find_equations(text: str, *, rounding: bool = True) -> list[Equation]:
    """Find the equations of a text and check them exactly.

    Args:
        text: Any text, of any length; the time taken grows with its length. Numbers of more than
            60 characters, and sentences of more than 256 numbers, signs and runs of words, are not
            read.
        rounding: Whether a number written with decimals may be rounded to them (`10/3 = 3.33`);
            one behind `≈` may be rounded to a whole number too.

    Returns:
        Those that could be read, in order; those that calculate nothing (`5 = 6`) only if they are
        false and stand alone, without words. A percentage is right as hundredths (`20% of 50 = 10`)
        or as a mere unit (`10/50*100 = 20%`), one way for the whole equation.
    """
    found = (
        (sides, _equation(sides, rounding))
        for segment in segments(text)
        for sides in _runs_of_sides(segment)
    )
    return [
        equation
        for sides, equation in found
        if any(side.kinds.count(NUMBER) > 1 for side in sides)
        or (not equation.holds and _are_mere_numbers(sides))
    ]


def _are_mere_numbers(sides: Sequence[_Side]) -> bool:
    return all({NUMBER, SIGN, PERCENT}.issuperset(side.kinds) for side in sides)


def _runs_of_sides(tokens: Sequence[Token]) -> Iterator[list[_Side]]:
    """The sides that can be read, as far as they are neighbours; at least two."""
    run: list[_Side] = []
    start, is_approximate = 0, False
    for place, (kind, text) in enumerate((*tokens, (EQUALS, "="))):
        if kind != EQUALS:
            continue
        side = _side(tokens[start:place], is_approximate)
        start, is_approximate = place + 1, text == "≈"
        if side is not None:
            run.append(side)
            continue
        if len(run) > 1:
            yield run
        run = []
    if len(run) > 1:
        yield run


def _side(tokens: Sequence[Token], is_approximate: bool) -> _Side | None:
    kinds = [kind for kind, _ in tokens]
    try:
        value = _value(tokens, hundredths=False)
        share = _value(tokens, hundredths=True) if PERCENT in kinds else value
    except UnreadableError:
        return None
    return _Side(tokens, kinds, (value, share), is_approximate)


def _value(tokens: Sequence[Token], *, hundredths: bool) -> Number | None:
    try:
        return evaluate(tokens, hundredths=hundredths)
    except ZeroDivisionError:
        return None


def _equation(sides: Sequence[_Side], rounding: bool) -> Equation:
    holds = any(
        all(_agree(left, right, hundredths, rounding) for left, right in pairwise(sides))
        for hundredths in (False, True)
    )
    return Equation("=".join(map(_canonical, sides)), sides[-1].values[False], holds)


def _canonical(side: _Side) -> str:
    return "".join(text.replace(",", "") for kind, text in side.tokens if kind != WORDS)


def _agree(left: _Side, right: _Side, hundredths: bool, rounding: bool) -> bool:
    first, second = left.values[hundredths], right.values[hundredths]
    if first is None or second is None:
        return False
    if first == second:
        return True
    if not rounding:
        return False
    written = (_decimals(left, hundredths), _decimals(right, hundredths))
    return any(
        decimals is not None
        and (decimals > 0 or right.is_approximate)
        and abs(first - second) * (2 * 10**decimals) <= 1
        for decimals in written
    )


def _decimals(side: _Side, hundredths: bool) -> int | None:
    """How many decimals a side is written with that is a number alone; None for any other."""
    kinds = set(side.kinds)
    numbers = [text for kind, text in side.tokens if kind == NUMBER]
    if not kinds <= {NUMBER, SIGN, PERCENT, WORDS} or len(numbers) > 1 or "/" in numbers[0]:
        return None
    written = len(numbers[0].partition(".")[2])
    return written + 2 if hundredths and PERCENT in kinds else written
