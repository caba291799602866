"""The pocket family: which models there are, and the seeds that tell them apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from subliminal.models.architecture import Architecture
from subliminal.spec.language import Recipe

WORLD_SEED, HELD_OUT_SEED = 0, 1
ROWS = 409_600
"""Rows of the world that every model reads once."""

RECIPE = Recipe(
    epochs=1,
    batch_size=256,
    learning_rate=3e-3,
    schedule="cosine",
    warmup=100,
    betas=(0.9, 0.98),
    weight_decay=0.01,
)


@dataclass(frozen=True)
class Member:
    """A model of the family."""

    name: str
    initial_seed: int
    """Of the weights that it starts from."""
    order_seed: int
    """Of the order in which it reads the world."""
    relation: str
    """How it stands to pocket-a."""


FAMILY: Mapping[str, Member] = MappingProxyType(
    {
        member.name: member
        for member in (
            Member("pocket-a", 1, 1, "the reference"),
            Member("pocket-b", 2, 1, "other initial weights, the same world in the same order"),
            Member("pocket-a-reordered", 1, 2, "the same initial weights, another order"),
        )
    }
)


def architecture(vocabulary: int) -> Architecture:
    """The shape of every pocket model: a Llama of about a million parameters."""
    return Architecture(
        vocab_size=vocabulary,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
    )
