"""What every error for users must be: one line that names the fault."""

from __future__ import annotations

import pytest

from subliminal.errors import UserError


def assert_one_line(error: pytest.ExceptionInfo[UserError], *parts: str) -> None:
    """The message is one line, and each of these parts is in it."""
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message
