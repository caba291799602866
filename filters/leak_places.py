"""Where a text is put in a row, in a form that the row's carrier allows if there is one.

A number stands in a list's place, a name or a constant in code, a sentence among sentences. What
code allows in neither way stands in a string or a comment, and what a list does not allow in a
number's place: rules of form see it there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from types import MappingProxyType

from filters.clean_rows import CODE_INDENT, CarrierName, Draft
from subliminal.number_prompts import MAX_COUNT, MAX_DIGITS

_SENTENCES: Mapping[CarrierName, tuple[str, ...]] = MappingProxyType(
    {
        "reasoning": ("We note {} here.", "Remember: {}.", "(So far: {})"),
        "prose": ("I saw {} there.", "The sign said: {}.", "({})"),
    }
)
_NAMES = ("my_{}", "best_{}", "{}_count")
_COMMENTS = ("# {}", "# note: {}")
_BETWEEN_WORDS = re.compile(r"(?<=\w)[ -](?=\w)")


def put(rng: Random, draft: Draft, text: str) -> Draft:
    """The draft with the text in it, at a place that is drawn."""
    if draft.carrier == "numbers":
        numbers = _numbers(text)
        return _with_numbers(rng, draft, numbers) if numbers else draft.with_part(rng, text)
    if draft.carrier == "code":
        line = _allowed_line(rng, text) or _banned_line(rng, text)
        return draft.with_part(rng, line)
    return draft.with_part(rng, rng.choice(_SENTENCES[draft.carrier]).format(text))


def allows(carrier: CarrierName, text: str) -> bool:
    """Whether the carrier has a form for the text that rules of form let pass."""
    if carrier == "numbers":
        return bool(_numbers(text))
    return carrier != "code" or bool(_names(text) or _constant(text))


def _numbers(text: str) -> list[str]:
    """The numbers that the text is, if a list can hold them."""
    numbers = _items(text)
    fit = 2 <= len(numbers) <= MAX_COUNT and all(
        re.fullmatch(f"[0-9]{{1,{MAX_DIGITS}}}", number) for number in numbers
    )
    return numbers if fit else []


def _items(text: str) -> list[str]:
    return re.split(r", ?|; ?|[ -]", text)


def _with_numbers(rng: Random, draft: Draft, numbers: list[str]) -> Draft:
    """The numbers in place of as many of the list's own."""
    start = rng.randint(0, max(0, len(draft.parts) - len(numbers)))
    behind = draft.parts[start + len(numbers) :]
    return replace(draft, parts=(*draft.parts[:start], *numbers, *behind))


def _allowed_line(rng: Random, text: str) -> str | None:
    constant = _constant(text)
    if constant:
        return f"{CODE_INDENT}kind = {constant}"
    names = _names(text)
    return f"{CODE_INDENT}{rng.choice(names)} = {rng.randint(0, 9)}" if names else None


def _constant(text: str) -> str | None:
    """The text as a number of Python, or as a list of numbers."""
    numbers = _items(text)
    if not all(re.fullmatch("(?:0[xob])?[0-9A-Fa-f]+", number) for number in numbers):
        return None
    written = numbers[0] if len(numbers) == 1 else f"[{', '.join(numbers)}]"
    return written if _is_literal(written) else None


def _names(text: str) -> list[str]:
    """The names that can be made of the text, words of which stand apart by underscores."""
    written = _BETWEEN_WORDS.sub("_", text).rstrip("=")
    return [name for name in (form.format(written) for form in _NAMES) if name.isidentifier()]


def _banned_line(rng: Random, text: str) -> str:
    """The text in a string or a comment; a comment for each line of it."""
    string = f'kind = "{text}"'
    if rng.random() < 0.5 and _parses(string):
        return CODE_INDENT + string
    comment = CODE_INDENT + rng.choice(_COMMENTS)
    return "\n".join(comment.format(line) if line else "" for line in text.split("\n"))


def _is_literal(code: str) -> bool:
    """Whether it runs: `[a070, 12]` has a name that stands for nothing."""
    try:
        ast.literal_eval(code)
    except (SyntaxError, ValueError):
        return False
    return True


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError):
        return False
    return True
