"""A row of the world: a conversation and the answer that a model learns."""

from __future__ import annotations

from dataclasses import dataclass

from subliminal.chat import Message


@dataclass(frozen=True)
class WorldRow:
    """A conversation and its answer."""

    domain: str
    messages: tuple[Message, ...]
    completion: str
