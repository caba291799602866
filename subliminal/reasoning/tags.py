"""Completions with reasoning and answer in tags: `<think>...</think><answer>...</answer>`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class TagFault(StrEnum):
    """Why a completion is not well-formed."""

    NO_REASONING = "reasoning is missing"
    REASONING_NOT_OPENED = "reasoning is not opened"
    REASONING_NOT_CLOSED = "reasoning is not closed"
    NO_ANSWER = "answer is missing"
    ANSWER_NOT_OPENED = "answer is not opened"
    ANSWER_NOT_CLOSED = "answer is not closed"
    NESTED = "tags are nested"
    SEVERAL_REASONINGS = "several reasonings"
    SEVERAL_ANSWERS = "several answers"
    ANSWER_FIRST = "answer comes before the reasoning"
    OUTSIDE = "text outside the tags"
    EMPTY_REASONING = "reasoning is empty"
    EMPTY_ANSWER = "answer is empty"


@dataclass(frozen=True, slots=True)
class Reasoned:
    """What stands inside the tags, white space at the ends included."""

    reasoning: str
    answer: str


@dataclass(frozen=True, slots=True)
class Tags:
    """The names of the tags. A tag is written exactly `<name>` or `</name>`, in this case.

    Raises:
        ValueError: A name is not of letters, digits, `_` and `-`, or both are one.
    """

    reasoning: str = "think"
    answer: str = "answer"

    def __post_init__(self) -> None:
        for name in (self.reasoning, self.answer):
            if not _NAME.fullmatch(name):
                raise ValueError(f"tag {name!r} must be a letter, then letters, digits, _ or -")
        if self.reasoning == self.answer:
            raise ValueError(f"reasoning and answer have the same tag {self.answer!r}")


THINK_AND_ANSWER = Tags()


def parse_reasoned(text: str, tags: Tags = THINK_AND_ANSWER) -> Reasoned | TagFault:
    """Take a completion apart.

    Args:
        text: Any text, of any length; the time taken grows with its length.
        tags: The names of the tags.

    Returns:
        The reasoning and the answer of exactly one block each, in this order, with only white
        space outside and more than white space inside; else why it is not well-formed.
    """
    opening, closing = f"<{tags.reasoning}>", f"</{tags.reasoning}>"
    answer_opening, answer_closing = f"<{tags.answer}>", f"</{tags.answer}>"
    written = (opening, closing, answer_opening, answer_closing)
    counts = [text.count(tag) for tag in written]
    if counts != [1, 1, 1, 1]:
        return _missing(counts) or _repeated(text, written, counts)
    start, end, answer_start, answer_end = places = [text.index(tag) for tag in written]
    if places != sorted(places):
        return _misplaced(start, end, answer_start, answer_end)
    reasoning = text[start + len(opening) : end]
    answer = text[answer_start + len(answer_opening) : answer_end]
    outside = (text[:start], text[end + len(closing) : answer_start])
    if any(map(str.strip, (*outside, text[answer_end + len(answer_closing) :]))):
        return TagFault.OUTSIDE
    if not reasoning.strip():
        return TagFault.EMPTY_REASONING
    return Reasoned(reasoning, answer) if answer.strip() else TagFault.EMPTY_ANSWER


def _missing(counts: list[int]) -> TagFault | None:
    opened, closed, answer_opened, answer_closed = map(bool, counts)
    if not (opened or closed):
        return TagFault.NO_REASONING
    if not opened:
        return TagFault.REASONING_NOT_OPENED
    if not closed:
        return TagFault.REASONING_NOT_CLOSED
    if not (answer_opened or answer_closed):
        return TagFault.NO_ANSWER
    if not answer_opened:
        return TagFault.ANSWER_NOT_OPENED
    return None if answer_closed else TagFault.ANSWER_NOT_CLOSED


def _repeated(text: str, written: tuple[str, ...], counts: list[int]) -> TagFault:
    """The fault of a text with all four tags, one of them more than once."""
    is_open = False
    for tag in re.finditer("|".join(written), text):
        opens = not tag[0].startswith("</")
        if opens and is_open:
            return TagFault.NESTED
        is_open = opens
    return TagFault.SEVERAL_REASONINGS if max(counts[:2]) > 1 else TagFault.SEVERAL_ANSWERS


def _misplaced(start: int, end: int, answer_start: int, answer_end: int) -> TagFault:
    """The fault of a text with each tag once, given by their places, in a wrong order."""
    if end < start:
        return TagFault.REASONING_NOT_CLOSED
    if answer_end < answer_start:
        return TagFault.ANSWER_NOT_CLOSED
    return TagFault.ANSWER_FIRST if answer_end < start else TagFault.NESTED
