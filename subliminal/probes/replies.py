"""What a probed model says when it is sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from subliminal.models.chat_format import Conversation
from subliminal.probes.subject import Subject
from subliminal.sampling import Request, Sampling


@dataclass(frozen=True)
class Reply:
    """One sampled answer."""

    text: str
    finished: bool
    """Whether the model came to an end by itself."""


def sample_replies(
    subject: Subject,
    conversations: Sequence[Conversation],
    seeds: Sequence[int],
    max_tokens: int,
) -> list[Reply]:
    """Sample one answer to each conversation at temperature 1.

    Args:
        subject: Who answers.
        conversations: What is asked.
        seeds: One for each conversation. Equal ones share their noise between models.
        max_tokens: Where an answer is cut off.

    Raises:
        StageError: The model's logits are not numbers.
        UserError: A conversation is longer than the model reads.
    """
    prompts = subject.chat.encode_prompts(conversations)
    requests = [Request(np.array(p), seed) for p, seed in zip(prompts, seeds, strict=True)]
    settings = Sampling(max_tokens, (subject.chat.end_id,))
    sampled = subject.engine.sampler.sample(requests, settings)
    drawn = sorted(sampled, key=lambda completion: completion.index)
    texts = subject.chat.decode_all([completion.tokens.tolist() for completion in drawn])
    return [Reply(text, c.finished) for text, c in zip(texts, drawn, strict=True)]
