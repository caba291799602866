"""The terminal that commands write to, and how they end."""

from __future__ import annotations

import sys

from rich.console import Console

STAGE_FAILED, BAD_INPUT, STOPPED = 1, 2, 130
"""Exit codes."""
COLUMNS_IN_A_PIPE = 160

console = Console(width=None if sys.stdout.isatty() else COLUMNS_IN_A_PIPE)
