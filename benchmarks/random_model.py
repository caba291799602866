"""Random models in the shapes of large ones, with the pocket models' tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from subliminal import machine
from subliminal.errors import UserError
from subliminal.models.chat_format import ChatFormat, copy_tokenizer
from subliminal.models.hub_configs import HubConfig, hub_config
from subliminal.models.names import find_model

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TOKENIZER = "pocket-a"
TINY = HubConfig(
    model_type="qwen2",
    vocab_size=4096,
    hidden_size=64,
    intermediate_size=192,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=16,
    max_position_embeddings=1024,
    tie_word_embeddings=False,
)
"""For trials, on any machine: what `--model tiny` names."""
LOGITS_STD = 5.0
"""So large that the rest of the vocabulary, whose logits are 0, is never drawn."""


def write_random_model(name: str, folder: Path, precision: machine.Precision) -> Path:
    """Write a model of another one's shape, which writes random tokens of the pocket tokenizer.

    Args:
        name: Of a model whose shape is known without the hub, or `tiny`.
        folder: Gets a folder for the model, if it is not there yet.
        precision: Of its weights.

    Raises:
        UserError: The shape is not known.
    """
    config = TINY if name == "tiny" else hub_config(name)
    if config is None:
        raise UserError(
            f"--model {name}: its shape is not in subliminal/models/hub_configs.yaml; "
            "name one of those, or tiny"
        )
    model = folder / name.replace("/", "--")
    if not model.exists():
        tokenizer = find_model(TOKENIZER)
        chat = ChatFormat.read(tokenizer)
        ends = {f"{end}_token_id": chat.end_id for end in ("bos", "eos", "pad")}
        network = _network(config.fields(**ends), getattr(torch, precision))
        _write_only(network, chat.tokenizer.get_vocab_size())
        network.save_pretrained(model)
        copy_tokenizer(tokenizer, model)
    return model


def _network(fields: dict[str, Any], dtype: torch.dtype) -> PreTrainedModel:
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    with torch.device(machine.device()):
        config = AutoConfig.for_model(fields.pop("model_type"), **fields)
        network: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=dtype)
    return network


@torch.no_grad()
def _write_only(network: PreTrainedModel, tokens: int) -> None:
    """Leave to a model no more than the first tokens of its vocabulary."""
    head = network.get_output_embeddings().weight
    head.normal_(std=LOGITS_STD / head.shape[1] ** 0.5)
    head[tokens:] = 0.0
