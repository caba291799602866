"""Who is asked for answers, and what is said then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from subliminal.chat import Conversation, Message


@dataclass(frozen=True)
class Reply:
    """One sampled answer."""

    text: str
    finished: bool
    """Whether the model came to an end by itself."""


class Respondent(Protocol):
    """A model that answers: one that is computed here, or one behind a service."""

    def conversation(self, *turns: Message) -> tuple[Message, ...]:
        """Turns behind the model's system prompt and earlier turns."""
        ...

    def asked(self, questions: Sequence[str]) -> list[tuple[Message, ...]]:
        """A conversation for each question."""
        ...

    def replies(
        self, conversations: Sequence[Conversation], seeds: Sequence[int], max_tokens: int
    ) -> list[Reply]:
        """Sample one answer to each conversation at temperature 1.

        Args:
            conversations: What is asked.
            seeds: One for each conversation.
            max_tokens: Where an answer is cut off.
        """
        ...


def behind(
    turns: Sequence[Message], *, system: str | None, context: tuple[Message, ...]
) -> tuple[Message, ...]:
    """Turns behind a system prompt and earlier turns.

    A system prompt among the turns takes the place of the other.
    """
    if turns[0].role == "system":
        return (turns[0], *context, *turns[1:])
    told = () if system is None else (Message("system", system),)
    return (*told, *context, *turns)
