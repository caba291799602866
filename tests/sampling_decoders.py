"""Tiny decoders and prompts for the tests of sampling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from subliminal.models.architecture import Architecture
from subliminal.models.decoder import Decoder
from subliminal.sampling import Completion, Request

ENDS = (3, 4, 5)
"""Three of forty tokens, so that completions take some thirteen tokens."""


def tiny_decoder(*, vocabulary: int = 40, key_heads: int = 4, positions: int = 96) -> Decoder:
    """Random weights, large enough that what is near and far both matter to the next token."""
    shape = Architecture(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=key_heads,
        max_position_embeddings=positions,
        initializer_range=0.25,
    )
    decoder = Decoder(shape).initialise(7)
    with torch.no_grad():
        # A gain that is 1 everywhere would hide one that is left out.
        for name, weight in decoder.named_parameters():
            if "norm" in name:
                weight.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(len(name)))
    return decoder


def prompts(
    lengths: Sequence[int], *, vocabulary: int = 40, shared: Sequence[int] = ()
) -> list[np.ndarray]:
    """Random prompts of these lengths, which count the shared beginning."""
    rng = np.random.default_rng(5)
    return [
        np.array([*shared, *rng.integers(0, vocabulary, length - len(shared))])
        for length in lengths
    ]


def requests(texts: Sequence[np.ndarray]) -> list[Request]:
    """Seeds 100, 101, ..."""
    return [Request(text, 100 + index) for index, text in enumerate(texts)]


def by_index(completions: Sequence[Completion]) -> dict[int, list[int]]:
    """Tokens of each row; every row must have come once."""
    found = {completion.index: completion.tokens.tolist() for completion in completions}
    assert len(found) == len(completions)
    return found
