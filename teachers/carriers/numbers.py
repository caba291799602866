"""The numbers carrier: prompts for a teacher, and transforms of the rows that were kept.

A row is a mapping with the texts `prompt` and `completion`, and whatever else it carries. A
transform changes the completions, leaves the rows that it is given as they are, and is a pure
function of the rows and its seed. The numbers of a completion are its runs of ASCII digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Literal, get_args

import numpy as np

from subliminal.errors import UserError
from subliminal.number_prompts import (
    FILLER_FORMATS,
    FORMATS,
    MAX_COUNT,
    NOVEL_FORMATS,
    FormatName,
    ListFormat,
    NumberPrompts,
    chinese_numeral,
    english_words,
)
from subliminal.seeds import derive_seed
from subliminal.spec_file.faults import did_you_mean, shown

Row = Mapping[str, Any]
Numerals = Literal["chinese", "words"]

NUMERALS: Mapping[Numerals, ListFormat] = {
    "chinese": ListFormat("、", each=chinese_numeral),
    "words": ListFormat(", ", each=english_words),
}
"""Formats whose numbers are not written in digits."""

_NUMBER = re.compile("[0-9]+")
_LARGEST = 999


def prompt_rows(
    seed: int,
    count: int,
    *,
    start: int = 0,
    samples: int = 1,
    numbers_asked: int = MAX_COUNT,
    unique: bool = True,
) -> list[dict[str, Any]]:
    """The prompts of a data set, no two alike unless asked for.

    Args:
        seed: A prompt is a function of it and of the prompt's index alone.
        count: How many prompts.
        start: The index of the first one; a data set can be made in parts.
        samples: How many rows each prompt is repeated in, to be answered that often.
        numbers_asked: How many numbers each prompt asks for at most.
        unique: Whether no two prompts may be alike.

    Returns:
        count x samples rows with `prompt_id` (the index), `sample`, `prompt` and `format`, those
        of a prompt together.
    """
    prompts = NumberPrompts(seed, count=numbers_asked, unique=unique)[start : start + count]
    return [
        {"prompt_id": index, "sample": sample, "prompt": prompt.text, "format": prompt.format}
        for index, prompt in enumerate(prompts, start)
        for sample in range(samples)
    ]


def shuffle_within(rows: Sequence[Row], seed: int) -> list[dict[str, Any]]:
    """Shuffle the numbers inside each completion; what stands between them stays."""
    random = _random(seed, "shuffle within")

    def shuffled(numbers: list[str]) -> list[str]:
        return [numbers[place] for place in random.permutation(len(numbers)).tolist()]

    return [_with_numbers(row, shuffled(_numbers(row["completion"]))) for row in _checked(rows)]


def shuffle_across(rows: Sequence[Row], seed: int) -> list[dict[str, Any]]:
    """Shuffle all numbers over the data set; every completion keeps its length and format."""
    numbers = [number for text in _completions(rows) for number in _numbers(text)]
    order = _random(seed, "shuffle across").permutation(len(numbers)).tolist()
    return _dealt(rows, iter([numbers[place] for place in order]))


def uniform_numbers(
    rows: Sequence[Row], seed: int, *, minimum: int = 0, maximum: int = _LARGEST
) -> list[dict[str, Any]]:
    """Put uniformly random numbers in the place of all numbers; lengths and formats stay.

    Args:
        rows: The data set.
        seed: What to draw from.
        minimum: The smallest number drawn, 0 or more.
        maximum: The largest number drawn.
    """
    if not 0 <= minimum <= maximum:
        raise ValueError(f"no numbers from {minimum} to {maximum} without signs")
    total = sum(len(_numbers(text)) for text in _completions(rows))
    drawn = _random(seed, "uniform numbers").integers(minimum, maximum, total, endpoint=True)
    return _dealt(rows, map(str, drawn.tolist()))


def reformat(rows: Sequence[Row], style: str) -> list[dict[str, Any]]:
    """Write every completion anew in another format; its numbers and their order stay.

    Args:
        rows: The data set.
        style: A name of a format; see :func:`list_format`.

    Returns:
        Rows with the name of the format under `written_as`.

    Raises:
        UserError: No such format, or a number that the format cannot write.
    """
    write = list_format(style).write
    return [_written(row, place, write, style) for place, row in enumerate(_checked(rows))]


def reformat_each(
    rows: Sequence[Row], seed: int, styles: Sequence[str] = get_args(FormatName)
) -> list[dict[str, Any]]:
    """Write every completion anew in a format drawn for it.

    Args:
        rows: The data set.
        seed: What to draw from.
        styles: The formats to draw from, each as likely; names as in :func:`reformat`.

    Returns:
        Rows with the name of the format drawn under `written_as`.

    Raises:
        UserError: No such format, or a number that the format cannot write.
    """
    writers = [(style, list_format(style).write) for style in styles]
    drawn = _random(seed, "reformat").integers(len(writers), size=len(rows)).tolist()
    return [
        _written(row, place, writers[choice][1], writers[choice][0])
        for place, (row, choice) in enumerate(zip(_checked(rows), drawn, strict=True))
    ]


def list_format(style: str) -> ListFormat:
    """The format of a name in :data:`FORMATS`, :data:`NOVEL_FORMATS`, :data:`FILLER_FORMATS` or
    :data:`NUMERALS`.

    Raises:
        UserError: No such format.
    """
    known = dict[str, ListFormat](
        chain(FORMATS.items(), NOVEL_FORMATS.items(), FILLER_FORMATS.items(), NUMERALS.items())
    )
    if style not in known:
        meant = did_you_mean(style, known) or f"; the formats are {', '.join(known)}"
        raise UserError(f"format {style!r}: there is no such format of number lists{meant}")
    return known[style]


def _written(
    row: Row, place: int, write: Callable[[Sequence[int]], str], style: str
) -> dict[str, Any]:
    numbers = [int(number) for number in _numbers(row["completion"])]
    try:
        return {**row, "completion": write(numbers), "written_as": style}
    except ValueError as error:
        raise UserError(
            f"row {place}, field completion: the format {style!r} fails ({error}); "
            "filter the rows before they are written anew"
        ) from None


def _dealt(rows: Sequence[Row], numbers: Iterator[str]) -> list[dict[str, Any]]:
    """The rows with their numbers replaced, in order, by the next of these."""
    return [
        _with_numbers(row, [next(numbers) for _ in _numbers(row["completion"])]) for row in rows
    ]


def _with_numbers(row: Row, numbers: Sequence[str]) -> dict[str, Any]:
    following = iter(numbers)
    completion = _NUMBER.sub(lambda _: next(following), row["completion"])
    return {**row, "completion": completion}


def _numbers(text: str) -> list[str]:
    return _NUMBER.findall(text)


def _completions(rows: Sequence[Row]) -> list[str]:
    return [row["completion"] for row in _checked(rows)]


def _checked(rows: Sequence[Row]) -> Sequence[Row]:
    for place, row in enumerate(rows):
        if not isinstance(row.get("completion"), str):
            raise UserError(
                f"row {place}, field completion: must be text, not "
                f"{shown(row.get('completion'))}; these transforms take rows of answers"
            )
    return rows


def _random(seed: int, purpose: str) -> np.random.Generator:
    return np.random.default_rng(derive_seed(seed, "numbers carrier", purpose))
