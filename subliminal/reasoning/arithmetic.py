"""Exact values of expressions in + - * / and parentheses, by a bounded parser without recursion."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from subliminal.reasoning.quantities import numeral_value

Number = int | Fraction

Token = tuple[str, str]
"""Kind and text of a part of an expression: the text of operators and signs is one of + - * /."""

NUMBER, OPERATOR, SIGN, OPEN, CLOSE = "number", "operator", "sign", "open", "close"
PERCENT, WORDS = "percent", "words"
MAX_UNIT_WORDS = 3
LARGEST = 10**60
"""Numerators and denominators stay below, so that every operation takes constant time."""

_NEGATION = "negation"
_PRECEDENCE = {"(": 0, "+": 1, "-": 1, "*": 2, "/": 2, _NEGATION: 3}


class UnreadableError(ValueError):
    """Tokens that are no expression, or one beyond the bounds."""


def evaluate(tokens: Iterable[Token], *, hundredths: bool = False) -> Number:
    """Evaluate an expression with the usual precedence, from left to right.

    Args:
        tokens: Numbers may have units of up to three words behind them, the last one any words.
        hundredths: Whether `50%` is 1/2 rather than 50.

    Raises:
        UnreadableError: It is no expression, or a value on the way is beyond 60 digits.
        ZeroDivisionError: It divides by zero.
    """
    values: list[Number] = []
    waiting: list[str] = []
    operand_next, unit_words = True, 0
    for kind, text in tokens:
        if operand_next:
            operand_next = _open_operand(kind, text, values, waiting)
            unit_words = 0
        elif kind in (OPERATOR, SIGN) and unit_words <= MAX_UNIT_WORDS:
            _apply(values, waiting, _PRECEDENCE[text])
            waiting.append(text)
            operand_next = True
        elif kind == CLOSE:
            _apply(values, waiting, 1)
            if not waiting:
                raise UnreadableError("a parenthesis is not opened")
            waiting.pop()
        elif kind == PERCENT:
            values[-1] = Fraction(values[-1], 100) if hundredths else values[-1]
        elif kind == WORDS:
            unit_words += len(text.split())
        else:
            raise UnreadableError(f"{text!r} stands behind an operand")
    if operand_next:
        raise UnreadableError("the last operand is missing")
    _apply(values, waiting, 1)
    if waiting:
        raise UnreadableError("a parenthesis is not closed")
    return values[0]


def _open_operand(kind: str, text: str, values: list[Number], waiting: list[str]) -> bool:
    """Take what stands where an operand must begin; whether one must still begin behind it."""
    if kind == NUMBER:
        value = numeral_value(text)
        if value is None:
            raise UnreadableError(f"{text!r} is no number")
        values.append(value)
        return False
    if kind == OPEN:
        waiting.append("(")
    elif kind == SIGN:
        waiting.append(_NEGATION)
    else:
        raise UnreadableError(f"{text!r} stands where an operand must begin")
    return True


def _apply(values: list[Number], waiting: list[str], least: int) -> None:
    """Apply the waiting operators that bind at least as tightly, down to a parenthesis."""
    while waiting and _PRECEDENCE[waiting[-1]] >= least:
        operator = waiting.pop()
        right = values.pop()
        value = -right if operator == _NEGATION else _combined(operator, values.pop(), right)
        if max(abs(value.numerator), value.denominator) > LARGEST:
            raise UnreadableError("a value is too long")
        values.append(value)


def _combined(operator: str, left: Number, right: Number) -> Number:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return Fraction(left, right)
