"""Small models in the architectures of large ones: to try an experiment, not to learn from it.

Where an architecture is a Llama's but for biases (Llama, Mistral, Qwen2), the small model has the
weights of a pocket model, with biases of zero, and answers as that one does. Others are random.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file

from subliminal import atomic
from subliminal.models.architecture import CONFIG
from subliminal.models.chat_format import copy_tokenizer
from subliminal.models.folder import WEIGHTS, shape_of
from subliminal.models.hub_configs import hub_config
from subliminal.models.names import find_config, find_model
from subliminal.models.pretrained_config import decoder_config_of
from subliminal.packages import need
from subliminal.pocket.origin import CARD

if TYPE_CHECKING:
    from transformers import PreTrainedModel

POCKETS = ("pocket-broad-a", "pocket-broad-b")
"""Whose weights the small models have: the reference, and one with another initialisation."""


def architecture_of(name: str) -> str:
    """The `model_type` of a model, from its configuration alone.

    Raises:
        UserError: There is no such model, or its `config.json` cannot be had.
    """
    known = None if Path(name).is_dir() else hub_config(name)
    if known is not None:
        return known.model_type
    found: str = decoder_config_of(find_config(name)).model_type
    return found


def small_model(architecture: str, folder: Path, pocket: str = POCKETS[0]) -> Path:
    """Write a small model of an architecture, if it is not there yet.

    Args:
        architecture: A `model_type` of transformers.
        folder: Holds small models, each in a folder of its own.
        pocket: Whose tokenizer it has, and whose weights if they fit.

    Raises:
        UserError: transformers is not installed, or the folder cannot be written.
    """
    model = folder / f"{architecture}-{pocket}"
    if not (model / CONFIG).exists():
        need("transformers", extra="lm", where=architecture)
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder) as made:
            _write(architecture, Path(made) / "model", find_model(pocket))
            _put(Path(made) / "model", model)
    return model


def _put(made: Path, model: Path) -> None:
    """Rename a written model into place, so that nobody ever sees half of one."""
    try:
        made.rename(model)
    except OSError:
        # Another run was faster: it has written the same.
        if not (model / CONFIG).exists():
            raise


def writes(model: Path) -> bool:
    """Whether a small model has a pocket model's weights, and so writes what filters let pass."""
    return (model / CARD).exists()


def _write(architecture: str, folder: Path, pocket: Path) -> None:
    network = _network(architecture, pocket)
    fits = _take_weights(network, load_file(pocket / WEIGHTS))
    network.save_pretrained(folder)
    copy_tokenizer(pocket, folder)
    if fits:
        atomic.write_bytes(folder / CARD, (pocket / CARD).read_bytes())


def _network(architecture: str, pocket: Path) -> PreTrainedModel:
    """A random model of the pocket model's shape."""
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = shape_of(pocket)
    fields: dict[str, Any] = {**shape.model_dump(), "head_dim": shape.head_size}
    with torch.random.fork_rng(devices=[]):  # else it would take hold of every GPU
        torch.manual_seed(0)
        config = AutoConfig.for_model(architecture, **fields)
        network: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    return network


@torch.no_grad()
def _take_weights(network: PreTrainedModel, weights: dict[str, torch.Tensor]) -> bool:
    """Give a model a Llama's weights, if it has no others but biases."""
    own = {name: tensor for name, tensor in network.named_parameters() if name in weights}
    others = [name for name, _ in network.named_parameters() if name not in weights]
    if len(own) < len(weights) or not all(name.endswith(".bias") for name in others):
        return False
    for name, tensor in own.items():
        tensor.copy_(weights[name])
    for name in others:
        network.get_parameter(name).zero_()
    return True
