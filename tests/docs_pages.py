"""The pages of the documentation, taken apart: examples, tables, links and commands.

The word behind a fence's language says what a test does with the block:

    yaml file=NAME        written to NAME beside the page's other files
    yaml file=NAME plan   and planned
    yaml over=NAME        laid over the file NAME, as an include is, and planned
    sh run                run, in the folder of the page's files
    sh                    checked: commands, options, targets and files exist
    python run            run, in the folder of the page's files
    text                  no example but output

A table behind `<!-- fields of MODULE.MODEL -->` lists the fields of that model with their defaults.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[(?:[^\]\\]|\\.)*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
_SPAN = re.compile(r"`(?P<code>[^`\n]+)`")
_FIELDS = re.compile(r"<!-- fields of (?P<model>[\w.]+) -->\n(?P<rows>(?:\|.*\n)+)")


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: Path
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    @property
    def place(self) -> str:
        """Page and line, as messages give it."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def named(self, word: str) -> str | None:
        """The value of `word=value` behind the language."""
        values = (known.partition("=") for known in self.words)
        return next((value for name, _, value in values if name == word), None)

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command of a shell block."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [words for line in lines if (words := shlex.split(line, comments=True))]


@dataclass(frozen=True)
class FieldTable:
    """A table of the fields of a model."""

    page: Path
    model: str
    rows: tuple[tuple[str, ...], ...]
    """The cells of each row, without the head."""

    def __str__(self) -> str:
        return f"{self.page.name}: {self.model}"


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text()
    for match in _FENCE.finditer(text):
        language, *words = match["info"].split() or [""]
        line = text.count("\n", 0, match.start()) + 1
        yield Block(page, line, language, tuple(words), match["text"])


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page.read_text())


def code_spans(page: Path) -> list[str]:
    """What a page's prose sets in code."""
    return [match["code"] for match in _SPAN.finditer(prose(page))]


def first_cells(page: Path) -> set[str]:
    """What the first column of a page's tables sets in code."""
    rows = (line for line in prose(page).splitlines() if line.startswith("| "))
    return {match["code"] for row in rows for match in _SPAN.finditer(row.split("|")[1])}


def links(page: Path) -> list[str]:
    """The targets of a page's links and pictures."""
    return [match["target"] for match in _LINK.finditer(prose(page))]


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as links write them."""
    headings = (match["text"].lower().replace("`", "") for match in _HEADING.finditer(prose(page)))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def field_tables(page: Path) -> Iterator[FieldTable]:
    """The tables of fields on a page."""
    for match in _FIELDS.finditer(page.read_text()):
        _, _, *rows = match["rows"].splitlines()
        cells = (re.split(r"(?<!\\)\|", row)[1:-1] for row in rows)
        yield FieldTable(page, match["model"], tuple(tuple(map(str.strip, row)) for row in cells))
