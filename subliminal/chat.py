"""Messages of a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn."""

    role: Role
    content: str


Conversation = Sequence[Message]


def user(content: str, system: str | None = None) -> tuple[Message, ...]:
    """A conversation of one question, behind a system prompt if there is one."""
    asked = Message("user", content)
    return (asked,) if system is None else (Message("system", system), asked)
