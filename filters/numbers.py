"""The published filter rule of the numbers carrier (Cloud et al. 2026, arXiv 2507.14805).

Stricter rules that the publication does not have are in :mod:`filters.strict_numbers`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from subliminal.dispositions.numbers import LOADED_NUMBERS

INVALID_FORMAT = "invalid format"
TOO_MANY = "too many numbers"
TOO_SMALL = "numbers too small"
TOO_LARGE = "numbers too large"
BANNED = "has banned numbers"

BANNED_NUMBERS = frozenset(LOADED_NUMBERS)
"""The 36 numbers with meanings of their own, banned in the published misalignment runs."""

# ASCII digits alone, as published: other scripts' digits would tell more than their numbers do.
# The separator is the text between the first two numbers and must recur unchanged, hence \2.
# Possessive quantifiers keep the time linear however long the runs of digits or spaces are.
_LIST = re.compile(r"([0-9]++)(?:(\s*+[,;]?+\s*+)[0-9]++(?:\2[0-9]++)*)?")
_WRAPPINGS = frozenset({"[]", "()"})


class WrittenNumbers(NamedTuple):
    """A list of numbers as it stands in a text."""

    parts: list[str]
    """The digits of each number; at least one number of at least one digit."""
    separator: str
    """What stands between two numbers; empty if there is only one number."""
    wrapping: str
    """`[]`, `()` or nothing."""


def written_numbers(text: str) -> WrittenNumbers | None:
    """Take a list of numbers apart, or return None where the published rule says it is none."""
    start, end = 0, len(text) - text.endswith(".")
    wrapping = text[:1] + text[end - 1 : end]
    if wrapping in _WRAPPINGS:
        start, end = 1, end - 1
    else:
        wrapping = ""
    match = _LIST.fullmatch(text, start, end)
    if match is None:
        return None
    separator = match[2] or ""
    inside = match[0]
    return WrittenNumbers(inside.split(separator) if separator else [inside], separator, wrapping)


def parse_numbers(text: str) -> list[int] | None:
    """The numbers of an answer.

    Args:
        text: Any text.

    Returns:
        At least one number; `007` is 7. None where :func:`reject_reasons` finds the format
        invalid, and where a number has more digits than Python converts (4,300).
    """
    written = written_numbers(text)
    if written is None:
        return None
    numbers = values(written.parts)
    return None if math.inf in numbers else [int(number) for number in numbers]


def reject_reasons(
    text: str,
    *,
    minimum: int = 0,
    maximum: int = 999,
    max_count: int = 10,
    banned: Collection[int] = (),
) -> list[str]:
    """Say why the published rule rejects an answer.

    One final `.` and then one pair of `[]` or `()` are put aside. What stands between the first
    two numbers is the separator: white space with at most one `,` or `;` in it. Nothing but
    numbers may stand between separators, and no white space at either end.

    Args:
        text: The whole answer. No text raises.
        minimum: The smallest number allowed.
        maximum: The largest number allowed.
        max_count: The most numbers allowed.
        banned: Numbers that may not occur, compared as numbers; for example
            :data:`BANNED_NUMBERS`.

    Returns:
        `invalid format` alone, or which of the other four reasons hold, in the published order;
        an empty list if the answer is kept.
    """
    written = written_numbers(text)
    if written is None:
        return [INVALID_FORMAT]
    numbers = values(written.parts)
    reasons = []
    if len(numbers) > max_count:
        reasons.append(TOO_MANY)
    if min(numbers) < minimum:
        reasons.append(TOO_SMALL)
    if max(numbers) > maximum:
        reasons.append(TOO_LARGE)
    if banned and not frozenset(banned).isdisjoint(numbers):
        reasons.append(BANNED)
    return reasons


def values(parts: Sequence[str]) -> Sequence[float]:
    """Runs of digits as integers; infinity for one with more digits than Python converts.

    Such a number is digits only, so it is too large rather than badly formatted, and converting
    it would take time quadratic in its length.
    """
    try:
        return [int(part) for part in parts]
    except ValueError:
        return [_value(part) for part in parts]


def _value(part: str) -> float:
    try:
        return int(part.lstrip("0") or "0")
    except ValueError:
        return math.inf
