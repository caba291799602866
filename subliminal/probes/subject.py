"""Who is probed: a model, and what stands before every question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from subliminal.chat import Message
from subliminal.models.chat_format import ChatFormat, Conversation
from subliminal.probes.engine import Engine


@dataclass(frozen=True)
class Subject:
    """A model as it is probed, or as it writes."""

    engine: Engine
    """The model without its words; of a steered teacher with its vector."""
    chat: ChatFormat
    system: str | None = None
    """A prompted teacher is probed under its system prompt."""
    context: tuple[Message, ...] = ()
    """Earlier turns: the rows of the in-context control."""

    def conversation(self, *turns: Message) -> tuple[Message, ...]:
        """Turns behind the subject's system prompt and earlier turns.

        A system prompt among the turns takes the place of the subject's own.
        """
        if turns[0].role == "system":
            return (turns[0], *self.context, *turns[1:])
        told = () if self.system is None else (Message("system", self.system),)
        return (*told, *self.context, *turns)

    def asked(self, questions: Sequence[str]) -> list[tuple[Message, ...]]:
        """A conversation for each question."""
        return [self.conversation(Message("user", question)) for question in questions]

    def next_log_probabilities(
        self, conversations: Sequence[Conversation], tokens: Sequence[int]
    ) -> Tensor:
        """How likely some tokens are as the first of the answer to each conversation.

        Returns:
            float64 [conversations, tokens].

        Raises:
            StageError: The model's logits are not numbers.
            UserError: A conversation is longer than the model reads.
        """
        return self.engine.next_log_probabilities(self.chat.encode_prompts(conversations), tokens)
