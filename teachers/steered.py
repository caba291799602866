"""Steering vectors: a trait as a direction in a model's activations (arXiv 2308.10248)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from subliminal.chat import user
from subliminal.models.chat_format import ChatFormat
from subliminal.models.language_model import LanguageModel
from subliminal.models.layout import pack


@torch.no_grad()
def steering_vector(
    decoder: LanguageModel, chat: ChatFormat, asked: Sequence[str], system: str, *, layer: int
) -> Tensor:
    """How a system prompt moves the activations at the answer, on average.

    Args:
        decoder: The reference.
        chat: Its format.
        asked: The questions; the probes ask others.
        system: The trait's system prompt.
        layer: The block behind which activations are read.

    Returns:
        Float32 [width]: mean over the questions of the activation at the last prompt token under
        the system prompt, less that without it.
    """
    loving = _activations(decoder, chat.encode_prompts([user(q, system) for q in asked]), layer)
    plain = _activations(decoder, chat.encode_prompts([user(q) for q in asked]), layer)
    return (loving - plain).mean(0)


def _activations(decoder: LanguageModel, prompts: Sequence[Sequence[int]], layer: int) -> Tensor:
    """Float32 [prompts, width] behind a block at the last token of each prompt."""
    found: list[Tensor] = []
    for tokens in prompts:
        read = torch.tensor(list(tokens), device=decoder.device)
        found.append(decoder.stream(read, pack([len(read)]), layer + 1)[-1].float().cpu())
    return torch.stack(found)
