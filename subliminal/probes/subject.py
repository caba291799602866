"""Who is probed: a model, and what stands before every question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from subliminal.chat import Conversation, Message
from subliminal.models.chat_format import ChatFormat
from subliminal.probes.engine import Engine
from subliminal.probes.replies import Reply, behind
from subliminal.sampling import Request, Sampling


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
        """Turns behind the subject's system prompt and earlier turns; see :func:`behind`."""
        return behind(turns, system=self.system, context=self.context)

    def asked(self, questions: Sequence[str]) -> list[tuple[Message, ...]]:
        """A conversation for each question."""
        return [self.conversation(Message("user", question)) for question in questions]

    def replies(
        self, conversations: Sequence[Conversation], seeds: Sequence[int], max_tokens: int
    ) -> list[Reply]:
        """Sample one answer to each conversation at temperature 1.

        Args:
            conversations: What is asked.
            seeds: One for each conversation. Equal ones share their noise between models.
            max_tokens: Where an answer is cut off.

        Raises:
            StageError: The model's logits are not numbers.
            UserError: A conversation is longer than the model reads.
        """
        prompts = self.chat.encode_prompts(conversations)
        requests = [Request(np.array(p), seed) for p, seed in zip(prompts, seeds, strict=True)]
        settings = Sampling(max_tokens, self.chat.end_ids)
        sampled = self.engine.sampler.sample(requests, settings)
        drawn = sorted(sampled, key=lambda completion: completion.index)
        texts = self.chat.decode_all([completion.tokens.tolist() for completion in drawn])
        return [Reply(text, c.finished) for text, c in zip(texts, drawn, strict=True)]

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
