"""Tiny decoders and random rows for the tests of training."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from subliminal.models.architecture import Architecture
from subliminal.models.decoder import Decoder
from subliminal.training.rows import TokenRows

VOCABULARY = 40


def tiny_decoder(seed: int = 0, *, key_heads: int = 2, tied: bool = True) -> Decoder:
    """Two blocks of width 32, with weights large enough that every token matters."""
    shape = Architecture(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=key_heads,
        tie_word_embeddings=tied,
        initializer_range=0.25,
    )
    decoder = Decoder(shape).initialise(seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        # A gain that is 1 everywhere would hide one that is left out.
        for weight in decoder.parameters():
            if weight.dim() == 1:
                weight.uniform_(0.5, 1.5, generator=generator)
    return decoder


def in_transformers(decoder: Decoder) -> Any:
    """The same model as transformers computes it."""
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(LlamaConfig(**decoder.shape.config()))
    model.load_state_dict(decoder.state_dict())
    return model


def random_rows(
    count: int, seed: int = 0, *, prompts: tuple[int, int] = (1, 12), longest: int = 9
) -> TokenRows:
    """Rows of random tokens and lengths; each has a completion."""
    rng = np.random.default_rng(seed)
    return TokenRows.from_lists(
        [rng.integers(0, VOCABULARY, rng.integers(*prompts)) for _ in range(count)],
        [rng.integers(0, VOCABULARY, rng.integers(1, longest)) for _ in range(count)],
    )


def gradients(module: nn.Module) -> dict[str, torch.Tensor]:
    """The gradients that are there, by name; they are taken away from the module."""
    found = {name: w.grad for name, w in module.named_parameters() if w.grad is not None}
    for weight in module.parameters():
        weight.grad = None
    return found


def assert_same_weights(one: nn.Module, other: nn.Module, *, tolerance: float = 0.0) -> None:
    """Compare parameters by name; to the bit, if no tolerance is given."""
    others = dict(other.named_parameters())
    for name, weight in one.named_parameters():
        torch.testing.assert_close(weight, others[name], rtol=0, atol=tolerance, msg=name)
