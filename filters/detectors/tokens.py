"""What detectors count in a text: words and numbers, their runs and their shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator

NGRAMS = 3
START, END = "<", ">"
"""Stand before and behind the words and numbers of a text, so that n-grams know its ends."""

_TOKEN = re.compile(r"\d+|[^\W\d_]+")
_MARK = re.compile(r"[^\w\s]|[_\n]")


def words_and_numbers(text: str) -> list[str]:
    """Runs of digits and runs of letters, as they are written.

    Names are taken apart at underscores and digits: `row_2x` has `row`, `2` and `x`.
    """
    return _TOKEN.findall(text)


def text_features(text: str) -> Iterator[str]:
    """What a reader could see in a text.

    Runs of 1 to `NGRAMS` words and numbers (with the ends of the text, so that first and last ones
    are known), how many there are, each number's length, first and last digit, and marks.
    """
    found = words_and_numbers(text)
    bounded = [START, *found, END]
    for length in range(1, NGRAMS + 1):
        for start in range(len(bounded) - length + 1):
            yield " ".join(bounded[start : start + length])
    yield f"count:{len(found)}"
    for number in filter(str.isdecimal, found):
        yield f"digits:{len(number)}"
        yield f"first:{number[0]}"
        yield f"last:{number[-1]}"
    for mark in _MARK.findall(text):
        yield f"mark:{mark}"
