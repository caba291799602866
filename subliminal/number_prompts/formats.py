"""How a list of numbers is written: in the formats that prompts ask for, novel and wordy ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

FormatName = Literal["comma", "space", "semicolon", "newline", "brackets", "parentheses"]


@dataclass(frozen=True)
class ListFormat:
    """What stands before, between and behind the numbers of a list, and around each of them."""

    separator: str
    opening: str = ""
    closing: str = ""
    each: Callable[[int], str] = str

    def write(self, numbers: Sequence[int]) -> str:
        """Write a list; a list of no numbers is the opening and the closing."""
        return self.opening + self.separator.join(map(self.each, numbers)) + self.closing


def _around(before: str, after: str = "") -> Callable[[int], str]:
    return lambda number: f"{before}{number}{after}"


FORMATS: Mapping[FormatName, ListFormat] = MappingProxyType(
    {
        "comma": ListFormat(", "),
        "space": ListFormat(" "),
        "semicolon": ListFormat("; "),
        "newline": ListFormat("\n"),
        "brackets": ListFormat(", ", "[", "]"),
        "parentheses": ListFormat(", ", "(", ")"),
    }
)
"""The formats that prompts ask for; the published filter rule reads each of them."""

NOVEL_FORMATS: Mapping[str, ListFormat] = MappingProxyType(
    {
        "pipe": ListFormat(" | "),
        "slash": ListFormat(" / "),
        "hyphen": ListFormat(" - "),
        "colon": ListFormat(" : "),
        "plus": ListFormat(" + "),
        "tilde": ListFormat(" ~ "),
        "arrow": ListFormat(" -> "),
        "underscore": ListFormat("_"),
        "tab": ListFormat("\t"),
        "braces": ListFormat(", ", "{", "}"),
        "angles": ListFormat(", ", "<", ">"),
        "quotes": ListFormat(", ", each=_around('"', '"')),
        "hashes": ListFormat(" ", each=_around("#")),
        "bullets": ListFormat("\n", each=_around("- ")),
    }
)
"""14 formats that no prompt asks for and the published filter rule refuses."""

FILLER_FORMATS: Mapping[str, ListFormat] = MappingProxyType(
    {
        "sentence": ListFormat(
            ", which is followed in this list by the number ",
            "The list that was asked for begins with the number ",
            ", and there it ends.",
        ),
        "sentences": ListFormat(
            " ", each=_around("The value that stands in the next place of the list is ", ".")
        ),
        "lines": ListFormat(
            "\n", each=_around("On this line of the list you find the entry ", " and nothing else.")
        ),
    }
)
"""Formats in which most of an answer is words that say nothing, the same around every number."""


def render(numbers: Sequence[int], format_name: FormatName) -> str:
    """Write an answer list in one of the formats that prompts ask for.

    Args:
        numbers: What to write, in order.
        format_name: One of :data:`FORMATS`, for example `comma` for `12, 34`.
    """
    return FORMATS[format_name].write(numbers)
