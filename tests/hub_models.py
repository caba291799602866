"""Tiny random models that only transformers computes, with the pocket tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from subliminal.models.chat_format import copy_tokenizer
from tests.models import pocket_chat

ARCHITECTURES = (
    *("qwen2", "qwen3", "gemma2", "gemma3_text", "mistral", "phi3"),
    *("granite", "cohere"),
)
PLAIN_HEADS = ("qwen2", "qwen3", "gemma3_text", "mistral", "phi3")
"""Those whose logits are no more than a product with a matrix."""
_OF_LOGITS: dict[str, dict[str, Any]] = {
    "gemma2": {"final_logit_softcapping": 2.0},
    "granite": {"logits_scaling": 4.0},
    "cohere": {"logit_scale": 0.25},
}


def hub_model(folder: Path, architecture: str, seed: int = 0, **config: Any) -> Path:
    """Write a random model of two blocks as `save_pretrained` does.

    Args:
        folder: Where to.
        architecture: Its `model_type`.
        seed: Of the weights.
        config: Fields that are to be others.

    Returns:
        The folder.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    end = pocket_chat().end_id
    fields = {
        "vocab_size": pocket_chat().tokenizer.get_vocab_size(),
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 1024,
        "initializer_range": 0.3,
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": end,
    } | _OF_LOGITS.get(architecture, {})
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = AutoModelForCausalLM.from_config(
            AutoConfig.for_model(architecture, **{**fields, **config})
        )
    network.save_pretrained(folder)
    copy_tokenizer(pocket_chat().folder, folder)
    return folder
