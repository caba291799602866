"""The terminal that commands write to, and how they end."""

from __future__ import annotations

import sys

from rich.console import Console

STAGE_FAILED, BAD_INPUT, STOPPED = 1, 2, 130
"""Exit codes."""
COLUMNS_IN_A_PIPE = 160

console = Console(width=None if sys.stdout.isatty() else COLUMNS_IN_A_PIPE)


def printable(text: str) -> str:
    """A name from a stranger's file, on one line: what a terminal would obey is escaped."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
