"""Who is probed: a model, and what stands before every question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from subliminal.chat import Message
from subliminal.models.chat_format import ChatFormat, Conversation
from subliminal.models.language_model import LanguageModel
from subliminal.models.steering import Steering
from subliminal.probes.forward import Engine, batches_of


@dataclass(frozen=True)
class Subject:
    """A model as it is probed."""

    decoder: LanguageModel
    chat: ChatFormat
    dtype: torch.dtype = torch.float32
    """Of matrix products."""
    system: str | None = None
    """A prompted teacher is probed under its system prompt."""
    steering: Steering | None = None
    """A steered teacher is probed with its vector."""
    context: tuple[Message, ...] = ()
    """Earlier turns: the rows of the in-context control."""

    @property
    def engine(self) -> Engine:
        """The model without its words."""
        return Engine(self.decoder, self.dtype, self.steering)

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

    def next_token_logits(self, conversations: Sequence[Conversation]) -> Tensor:
        """Logits of the first token of the answer to each conversation.

        Returns:
            float32 [conversations, vocabulary].

        Raises:
            UserError: A conversation is longer than the model reads.
        """
        return self.engine.next_logits(batches_of(self.chat.encode_prompts(conversations)))
