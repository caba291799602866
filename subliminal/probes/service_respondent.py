"""A model behind a service, as probes ask it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from subliminal.chat import Conversation, Message
from subliminal.probes.replies import Reply, behind
from subliminal.services.completions import CompletionService
from subliminal.services.sampler import ChatPrompt, ChatSampling, ServiceSampler
from subliminal.stage import Reporter, silent

_SEED = 0
"""The seeds of requests follow from those of the probe; this tells them from others'."""


@dataclass(frozen=True)
class ServiceRespondent:
    """A :class:`~subliminal.probes.replies.Respondent` that is sampled, and nothing else."""

    service: CompletionService
    system: str | None = None
    """A prompted teacher is probed under its system prompt."""
    context: tuple[Message, ...] = ()
    """Earlier turns: the rows of the in-context control."""
    report: Reporter = silent

    def conversation(self, *turns: Message) -> tuple[Message, ...]:
        """Turns behind the system prompt and earlier turns; see :func:`behind`."""
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
            seeds: One for each conversation; they tell the samples of one conversation apart, also
                at services that take no seeds.
            max_tokens: Where an answer is cut off.

        Raises:
            UserError: The service fails, or its cap is reached. Answers so far are kept.
        """
        # A sample's number names its kept reply: the seed, so that no two seeds share one.
        prompts = [
            ChatPrompt(tuple(conversation), sample=seed)
            for conversation, seed in zip(conversations, seeds, strict=True)
        ]
        settings = ChatSampling(max_tokens, seed=_SEED)
        said = ServiceSampler(self.service).sample(prompts, settings, self.report)
        return [Reply(reply.text, reply.finish == "stop") for reply in said]
