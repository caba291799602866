"""Steps of a solution, and the small tables of sums that they are drawn from.

The tables are small because a small model has to know them by heart: every operand on the right is
at most 12, products and dividends are at most 60. Numbers are at least 2, so that things are
always many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Operator = Literal["+", "-", "*", "/"]

COMMUTATIVE: frozenset[Operator] = frozenset({"+", "*"})
LARGEST_START = 50
"""The largest number that a story starts with."""

_LARGEST_LEFT = 99
_LARGEST_ADDED = 12
_LARGEST_PRODUCT = 60
_FACTORS = range(2, 7)
_DIVISORS = range(2, 6)


@dataclass(frozen=True, slots=True)
class Step:
    """An operation on two whole numbers, with what it says about the story."""

    left: int
    operator: Operator
    right: int
    claim: str
    """Words that the result may follow, such as `Mia has`."""
    unit: str
    """What the result counts, in the plural."""

    @property
    def result(self) -> int:
        """The value, a whole number."""
        match self.operator:
            case "+":
                return self.left + self.right
            case "-":
                return self.left - self.right
            case "*":
                return self.left * self.right
            case "/":
                return self.left // self.right

    @property
    def equation(self) -> str:
        """For example `3 + 4 = 7`."""
        return f"{self.left} {self.operator} {self.right} = {self.result}"


def right_operands(left: int, operator: Operator) -> list[int]:
    """The numbers that an operation can take on its right; none if it cannot be done.

    Args:
        left: The number on its left, 2 or more.
        operator: The operation. Differences and quotients are whole and at least 2.
    """
    match operator:
        case "+":
            return list(range(2, _LARGEST_ADDED + 1)) if left <= _LARGEST_LEFT else []
        case "-":
            most = min(_LARGEST_ADDED, left - 2)
            return list(range(2, most + 1)) if left <= _LARGEST_LEFT else []
        case "*":
            return [factor for factor in _FACTORS if left * factor <= _LARGEST_PRODUCT]
        case "/":
            if left > _LARGEST_PRODUCT:
                return []
            return [n for n in _DIVISORS if left % n == 0 and left // n >= 2]
