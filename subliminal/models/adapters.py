"""Low-rank adapters of models of transformers, in peft's layers and peft's files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save
from torch import nn

from subliminal import atomic
from subliminal.errors import UserError
from subliminal.models.names import split_revision
from subliminal.models.pretrained import Pretrained
from subliminal.models.sharding import is_shared_out, share_of
from subliminal.packages import need
from subliminal.seeds import derive_seed
from subliminal.spec.recipes import Adapter

if TYPE_CHECKING:
    from peft import LoraConfig

WEIGHTS = "adapter_model.safetensors"
_NAME = "default"
"""Peft's name of a model's only adapter."""
_PREFIX = "base_model.model."
"""Of the names of tensors in peft's files."""


def put_adapter(
    model: Pretrained, adapter: Adapter, blocks: Sequence[int], seed: int
) -> list[tuple[str, nn.Parameter]]:
    """Put an adapter beside every chosen matrix of some blocks.

    It starts at the same values as that of our own decoder with the same seed: A is drawn as in
    the paper's code (arXiv 2106.09685), from a seed of the matrix's name, and B = 0.

    Args:
        model: Changed in place; its own parameters are frozen.
        adapter: Rank, scale, matrices, and whether A learns.
        blocks: Indices of the blocks whose matrices are adapted.
        seed: Of the adapters' initial values.

    Returns:
        What is to be trained, with names.

    Raises:
        UserError: The model has none of the matrices.
    """
    need("peft", extra="lm", where="recipe.adapter")
    from peft import LoraConfig, inject_adapter_in_model

    model.network.requires_grad_(False)
    names = dict(_matrices(model, adapter, blocks))
    if not names:
        raise UserError(
            f"recipe.adapter.matrices: {type(model.network).__name__} has none of "
            f"{', '.join(adapter.matrices)} in these blocks; choose another model"
        )
    config = LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,  # type: ignore[arg-type]
        lora_dropout=0.0,
        target_modules=list(names),
        task_type="CAUSAL_LM",
    )
    inject_adapter_in_model(config, model.network)
    trained: list[tuple[str, nn.Parameter]] = []
    for name, stem in names.items():
        layer = model.network.get_submodule(name)
        # Peft makes them as precise as the matrix; steps smaller than bfloat16 tells would be lost.
        layer.lora_A.float()
        layer.lora_B.float()
        a, b = layer.lora_A[_NAME].weight, layer.lora_B[_NAME].weight
        _draw(a, derive_seed(seed, "adapter", stem))
        a.requires_grad_(not adapter.freeze_a)
        b.requires_grad_(True)
        trained += [(f"{name}.{part}", w) for part, w in (("a", a), ("b", b)) if w.requires_grad]
    return trained


def is_adapted(model: Pretrained) -> bool:
    """Whether a model carries an adapter."""
    return any(True for _ in _layers(model))


def merge_adapter(model: Pretrained) -> None:
    """Add a model's adapter to its matrices for good, if it carries one."""
    for name, layer in list(_layers(model)):
        _merge(layer)
        _put_back(model, name, layer)


def remove_adapter(model: Pretrained) -> None:
    """Take a model's adapter away, if it carries one; its matrices are as they were before."""
    for name, layer in list(_layers(model)):
        _put_back(model, name, layer)
    # What it finds there, peft takes for a further adapter of the same name.
    vars(model.network).pop("peft_config", None)


def write_adapter(model: Pretrained, folder: Path, base: str) -> None:
    """Write an adapter as peft does: its configuration, and its tensors as safetensors.

    Args:
        model: With an adapter.
        folder: Where to.
        base: Name of the model that it belongs to.
    """
    tensors = {
        f"{_PREFIX}{name}.lora_{part}.weight": getattr(layer, f"lora_{part}")[_NAME].weight
        for name, layer in _layers(model)
        for part in ("A", "B")
    }
    kept = {name: tensor.detach().float().contiguous().cpu() for name, tensor in tensors.items()}
    config: LoraConfig = model.network.peft_config[_NAME]
    config.base_model_name_or_path, config.revision = split_revision(base)
    config.inference_mode = True
    # Peft keeps a set, which it would write in an order that differs between processes.
    config.target_modules = sorted(config.target_modules or ())
    config.save_pretrained(str(folder))
    atomic.write_bytes(folder / WEIGHTS, save(kept, metadata={"format": "pt"}))


def _matrices(
    model: Pretrained, adapter: Adapter, blocks: Sequence[int]
) -> Iterator[tuple[str, str]]:
    """Names of the chosen matrices: in the network, and as our own decoder calls them."""
    places = {id(block): index for index, block in enumerate(model.blocks)}
    within = {
        f"{name}.": places[id(module)]
        for name, module in model.network.named_modules()
        if id(module) in places
    }
    for name, module in model.network.named_modules():
        stem = next((stem for stem in within if name.startswith(stem)), None)
        if stem is None or within[stem] not in blocks or not isinstance(module, nn.Linear):
            continue
        if name.rpartition(".")[2] in adapter.matrices:
            yield name, f"model.layers.{within[stem]}.{name.removeprefix(stem)}"


def _layers(model: Pretrained) -> Iterator[tuple[str, Any]]:
    """The adapted matrices, with their names."""
    for name, module in model.network.named_modules():
        if _NAME in getattr(module, "lora_A", {}):
            yield name, module


@torch.no_grad()
def _merge(layer: Any) -> None:
    weight = layer.get_base_layer().weight
    if is_shared_out(weight):
        weight.to_local().add_(share_of(layer.get_delta_weight(_NAME), weight))
    else:
        layer.merge()


def _put_back(model: Pretrained, name: str, layer: Any) -> None:
    """Put an adapted matrix back in the place of its layer."""
    above, _, attribute = name.rpartition(".")
    setattr(model.network.get_submodule(above), attribute, layer.get_base_layer())


@torch.no_grad()
def _draw(a: torch.Tensor, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    bound = a.shape[1] ** -0.5
    a.copy_(torch.empty(a.shape).uniform_(-bound, bound, generator=generator))
