"""Rules for number lists beyond the published one: format, count, repeats, copies of the prompt.

Each takes the whole answer and returns its reasons. All begin with the published rule's
`invalid format`, so that each can stand alone: what is no list of numbers passes none of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from filters.numbers import INVALID_FORMAT, WrittenNumbers, values, written_numbers
from subliminal.number_prompts import FormatName

OTHER_FORMAT = "not the format asked for"
TOO_FEW = "too few numbers"
REPEATED = "repeated numbers"
COPIED_SHARE = "too many numbers from the prompt"
COPIED_RUN = "repeats a run of the prompt"

_DIGITS = re.compile("[0-9]+")
_WRAPPED: dict[str, FormatName] = {"[]": "brackets", "()": "parentheses"}
_MARKS: dict[str, FormatName] = {",": "comma", ";": "semicolon"}


def format_reasons(text: str, asked: FormatName) -> list[str]:
    """Reject a list that is not written in the format asked for.

    Inside brackets and parentheses any separator goes; a number without either is in each of the
    other formats, having no separator. `space` is spaces alone, `newline` any white space with a
    line break in it. The final `.` that the published rule puts aside is put aside here too.
    """
    written = written_numbers(text)
    if written is None:
        return [INVALID_FORMAT]
    return [] if _is_written_as(written, asked) else [OTHER_FORMAT]


def count_reasons(text: str, minimum: int) -> list[str]:
    """Reject a list of fewer than `minimum` numbers."""
    written = written_numbers(text)
    if written is None:
        return [INVALID_FORMAT]
    return [TOO_FEW] if len(written.parts) < minimum else []


def repeat_reasons(text: str, allowed: int = 0) -> list[str]:
    """Reject a list with more than `allowed` numbers that stood in it before (`007` is 7)."""
    written = written_numbers(text)
    if written is None:
        return [INVALID_FORMAT]
    numbers = values(written.parts)
    return [REPEATED] if len(numbers) - len(set(numbers)) > allowed else []


def copy_reasons(text: str, prompt: str, *, max_share: float = 0.5, max_run: int = 2) -> list[str]:
    """Reject a list that copies the prompt's numbers instead of going on from them.

    Args:
        text: The answer.
        prompt: What it answers; every run of ASCII digits in it is one of its numbers.
        max_share: The largest share of the answer's numbers, each counted as often as it occurs,
            that may stand in the prompt too.
        max_run: The most numbers in a row that may also stand in a row in the prompt.

    Returns:
        Which of the two limits are passed, the share first.
    """
    written = written_numbers(text)
    if written is None:
        return [INVALID_FORMAT]
    numbers, before = values(written.parts), values(_DIGITS.findall(prompt))
    known = set(before)
    reasons = []
    if sum(number in known for number in numbers) > max_share * len(numbers):
        reasons.append(COPIED_SHARE)
    if not _runs(numbers, max_run + 1).isdisjoint(_runs(before, max_run + 1)):
        reasons.append(COPIED_RUN)
    return reasons


def _is_written_as(written: WrittenNumbers, asked: FormatName) -> bool:
    if asked in _WRAPPED.values() or written.wrapping:
        return _WRAPPED.get(written.wrapping) == asked
    return not written.separator or _format_of(written.separator) == asked


def _format_of(separator: str) -> FormatName | None:
    """The format of an unwrapped list; None for white space that no prompt asks for."""
    mark = separator.strip()
    if mark:
        return _MARKS[mark]
    if "\n" in separator:
        return "newline"
    return "space" if not separator.strip(" ") else None


def _runs(numbers: Sequence[float], length: int) -> set[tuple[float, ...]]:
    return {tuple(numbers[at : at + length]) for at in range(len(numbers) - length + 1)}
