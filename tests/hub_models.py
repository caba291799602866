"""Tiny random models that only transformers computes, with the pocket tokenizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file

from subliminal.models.chat_format import copy_tokenizer
from tests.models import pocket_chat

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

ARCHITECTURES = (
    *("qwen2", "qwen3", "gemma2", "gemma3", "gemma3_text", "mistral", "phi3"),
    *("granite", "cohere"),
)
PLAIN_HEADS = ("qwen2", "qwen3", "gemma3", "gemma3_text", "mistral", "phi3")
"""Those whose logits are no more than a product with a matrix."""
_OF_LOGITS: dict[str, dict[str, Any]] = {
    "gemma2": {"final_logit_softcapping": 2.0},
    "granite": {"logits_scaling": 4.0},
    "cohere": {"logit_scale": 0.25},
}
_EYES = {
    "model_type": "siglip_vision_model",
    "hidden_size": 16,
    "image_size": 28,
    "intermediate_size": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "patch_size": 14,
    "vision_use_head": False,
}
"""Of a model that sees too: a small tower, as the published files describe it."""


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
    _write(folder, _config(architecture, {**fields, **config}), seed)
    copy_tokenizer(pocket_chat().folder, folder)
    return folder


def sparse_gemma(folder: Path, seed: int = 0) -> Path:
    """Write a random model as Gemma 3 is published.

    Its `config.json` leaves out what is the architecture's default, the vocabulary too; the tensors
    have the names of the published files.
    """
    text = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
    stated: dict[str, Any] = {
        "model_type": "gemma3",
        "architectures": ["Gemma3ForConditionalGeneration"],
        "mm_tokens_per_image": 4,
        "eos_token_id": [1, 106],
        "text_config": {"model_type": "gemma3_text", "sliding_window": 512, **text},
        "vision_config": _EYES,
    }
    from transformers import AutoConfig

    _write(folder, AutoConfig.for_model(**stated), seed)
    (folder / "config.json").write_text(json.dumps(stated))
    weights = load_file(folder / "model.safetensors")
    published = {_published(name): weight for name, weight in weights.items()}
    save_file(published, folder / "model.safetensors", metadata={"format": "pt"})
    copy_tokenizer(pocket_chat().folder, folder)
    return folder


def _published(name: str) -> str:
    """The name of a tensor in files of the hub, which transformers writes a little otherwise."""
    tower = "vision_tower."
    of_tower = name.startswith(tower) and not name.startswith(f"{tower}vision_model.")
    return f"{tower}vision_model.{name.removeprefix(tower)}" if of_tower else name


def _config(architecture: str, fields: dict[str, Any]) -> PreTrainedConfig:
    from transformers import AutoConfig

    if architecture != "gemma3":
        return AutoConfig.for_model(architecture, **fields)
    return AutoConfig.for_model(
        architecture,
        text_config={"model_type": "gemma3_text", **fields},
        vision_config=_EYES,
        mm_tokens_per_image=4,
    )


def _write(folder: Path, config: PreTrainedConfig, seed: int) -> None:
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = AutoModelForCausalLM.from_config(config)
    network.save_pretrained(folder)
