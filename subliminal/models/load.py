"""Model folders of any causal architecture: which engine computes them, loading, saving.

Small models of the plain Llama architecture run on the decoder of our own; all others on
transformers. Adapters are folders of peft's format that name the model they belong to.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from subliminal import atomic, machine
from subliminal.errors import UserError
from subliminal.models.adapter_card import CARD, Trained, adapter_card
from subliminal.models.adapters import merge_adapter, write_adapter
from subliminal.models.architecture import CONFIG, ArchitectureError, read_architecture
from subliminal.models.attention_choice import choose_attention
from subliminal.models.chat_format import copy_tokenizer
from subliminal.models.decoder import Decoder
from subliminal.models.folder import fingerprint, load_decoder, save_decoder, shape_of, weights_in
from subliminal.models.json_file import read_object
from subliminal.models.language_model import LanguageModel
from subliminal.models.names import find_model
from subliminal.models.pretrained import Pretrained, PretrainedShape, shape_of_network
from subliminal.models.pretrained_config import FAULTS, cannot_load, config_of, need_transformers
from subliminal.models.shape import Shape
from subliminal.models.sharding import shard, whole_weights
from subliminal.packages import need
from subliminal.ranks import ALONE, Ranks

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ADAPTER_CONFIG, BASE = "adapter_config.json", "base.json"
SMALL = 2**27
"""Parameters up to which a Llama runs on our decoder, which is made for small ones."""


class Base(BaseModel):
    """The model that an adapter belongs to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """As :func:`subliminal.models.names.find_model` takes it."""
    fingerprint: str


def load_model(
    folder: Path,
    *,
    dtype: torch.dtype = torch.float32,
    bases: Mapping[str, Path] = MappingProxyType({}),
    merge: bool = False,
    ranks: Ranks = ALONE,
) -> LanguageModel:
    """Read a model, or an adapter together with its base.

    Args:
        folder: Of Hugging Face's format.
        dtype: In which large models keep their weights; small ones keep them in float32.
        bases: Where models are, by their fingerprints, that adapters may belong to; others are
            looked up by name.
        merge: Whether to add an adapter to the matrices for good.
        ranks: The processes that load it; large models are shared out among them if they say so.

    Raises:
        UserError: A file is missing, damaged, or does not fit the others; or no engine computes
            this architecture.
    """
    if is_adapter(folder):
        return _load_adapted(folder, dtype, bases, ranks, merge=merge)
    if runs_on_decoder(folder):
        return load_decoder(folder)
    return Pretrained(_load_network(folder, dtype, ranks))


def save_model(
    model: LanguageModel, folder: Path, *, tokenizer_from: Path, ranks: Ranks = ALONE
) -> None:
    """Write a model with all its weights as a folder that `from_pretrained` reads.

    Args:
        model: The model.
        folder: Where to.
        tokenizer_from: Folder of a model with the same tokenizer.
        ranks: The processes that have the model; all have to call this, and the first one writes.

    Raises:
        UserError: The tokenizer cannot be read, or the folder cannot be written.
    """
    weights = whole_weights(model.network, ranks) if isinstance(model, Pretrained) else {}
    if not ranks.first:
        return
    if isinstance(model, Decoder):
        save_decoder(model, folder, tokenizer_from=tokenizer_from)
        return
    assert isinstance(model, Pretrained)
    try:
        model.network.save_pretrained(folder, state_dict=weights)
    except OSError as error:
        raise atomic.cannot_write(folder, error) from None
    copy_tokenizer(tokenizer_from, folder)


def save_adapter(
    model: Pretrained,
    folder: Path,
    *,
    base: Base,
    tokenizer_from: Path,
    trained: Trained | None = None,
) -> None:
    """Write a model's adapter in peft's format, which model it belongs to, and its card.

    Args:
        model: With an adapter.
        folder: Where to.
        base: The model that it belongs to.
        tokenizer_from: Folder of a model with the same tokenizer.
        trained: What the card tells of its training.

    Raises:
        UserError: The folder cannot be written.
    """
    try:
        write_adapter(model, folder, base.name)
    except OSError as error:
        raise atomic.cannot_write(folder, error) from None
    atomic.write_text(folder / CARD, adapter_card(base.name, base.fingerprint, trained))
    atomic.write_text(folder / BASE, json.dumps(base.model_dump(), indent=1) + "\n")
    copy_tokenizer(tokenizer_from, folder)


def runs_on_decoder(folder: Path) -> bool:
    """Whether a model runs on the decoder of our own.

    Raises:
        UserError: `config.json` is missing or at fault.
    """
    try:
        shape = read_architecture(folder / CONFIG)
    except ArchitectureError:
        return False
    return shape.matrix_parameters + shape.head_parameters <= SMALL


def shape_of_model(folder: Path) -> Shape:
    """The numbers of a model folder, without its weights.

    Raises:
        UserError: No engine computes this architecture.
    """
    if runs_on_decoder(folder):
        return shape_of(folder)
    found: PretrainedShape = shape_of_network(_without_weights(folder))
    return found


def check_loads(folder: Path) -> None:
    """Refuse a folder whose weights are missing or damaged, before any work.

    Small models are loaded; of large ones the files alone are looked at.

    Raises:
        UserError: It cannot be loaded.
    """
    if runs_on_decoder(folder):
        load_decoder(folder)
    else:
        _check_weights(folder)


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter, and not a whole model."""
    return (folder / ADAPTER_CONFIG).exists()


def base_of(folder: Path, bases: Mapping[str, Path] = MappingProxyType({})) -> Path:
    """The folder of the model that an adapter belongs to.

    Args:
        folder: Of the adapter.
        bases: Where models are, by their fingerprints; others are looked up by name.

    Raises:
        UserError: The adapter does not say, or there is no such model any more.
    """
    base = _read_base(folder)
    found = bases.get(base.fingerprint) or find_model(base.name)
    if fingerprint(found) != base.fingerprint:
        raise UserError(
            f"{folder / BASE}: the adapter belongs to another version of {base.name}; name the "
            "model that it was trained on"
        )
    return found


def rank_of(folder: Path) -> int:
    """The rank of an adapter.

    Raises:
        UserError: Its configuration does not say.
    """
    rank = read_object(folder / ADAPTER_CONFIG).get("r")
    if not isinstance(rank, int) or rank < 1:
        raise UserError(f"{folder / ADAPTER_CONFIG}: r: states no rank; copy the adapter anew")
    return rank


def _load_adapted(
    folder: Path, dtype: torch.dtype, bases: Mapping[str, Path], ranks: Ranks, *, merge: bool
) -> Pretrained:
    need("peft", extra="lm", where=str(folder))
    from peft import PeftModel

    network = _load_network(base_of(folder, bases), dtype, ranks)
    try:
        with warnings.catch_warnings():
            # It asks transformers by a name that is going away.
            warnings.simplefilter("ignore", FutureWarning)
            # Left to itself it reads the tensors onto the first GPU, whichever the network is on.
            adapted = PeftModel.from_pretrained(network, str(folder), torch_device="cpu")
    except FAULTS as error:
        raise cannot_load(folder, error) from None
    inner: Any = adapted.get_base_model()
    model = Pretrained(inner)
    if merge:
        merge_adapter(model)
    return model


def _read_base(folder: Path) -> Base:
    try:
        return Base.model_validate(read_object(folder / BASE))
    except ValidationError:
        raise UserError(
            f"{folder / BASE}: does not name the model that the adapter belongs to; write "
            '{"name": ..., "fingerprint": ...}'
        ) from None


def _load_network(folder: Path, dtype: torch.dtype, ranks: Ranks) -> PreTrainedModel:
    if ranks.sharded:
        network = _read_by_first(folder, dtype, ranks)
        shard(network, ranks)
    else:
        network = _read_network(folder, dtype)
        network.to(machine.device())  # type: ignore[arg-type]
    choose_attention(network)
    return network


def _read_by_first(folder: Path, dtype: torch.dtype, ranks: Ranks) -> PreTrainedModel:
    """In the first process a model, in the others its architecture without weights."""
    network, fault = None, None
    if ranks.first:
        try:
            network = _read_network(folder, dtype)
        except UserError as error:
            fault = error
    fault = ranks.from_first(fault)
    if fault is not None:
        raise fault
    return _without_weights(folder) if network is None else network


def _read_network(folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    """A model in the memory of the processor."""
    need_transformers(folder)
    from transformers import AutoModelForCausalLM

    _check_weights(folder)
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except FAULTS as error:
        raise cannot_load(folder, error) from None
    network, found = loaded
    _check_whole(folder, network, found)
    whole: PreTrainedModel = network
    return whole


def _without_weights(folder: Path) -> PreTrainedModel:
    """A model's architecture, on the device `meta`."""
    config = config_of(folder)
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            network: PreTrainedModel = AutoModelForCausalLM.from_config(
                config, trust_remote_code=False
            )
    except FAULTS as error:
        raise cannot_load(folder, error) from None
    return network


def _check_weights(folder: Path) -> None:
    if not weights_in(folder):
        raise UserError(
            f"{folder}: holds no weights in safetensors; save the model with safetensors (pickled "
            "weights are not read)"
        )


def _check_whole(folder: Path, network: PreTrainedModel, found: dict[str, Any]) -> None:
    """Transformers draws weights that a folder lacks at random, and goes on."""
    missing = sorted(found["missing_keys"])
    if missing:
        raise UserError(
            f"{folder}: the weights lack {missing[0]} ({len(missing)} tensors missing); copy the "
            "model anew"
        )
    Pretrained(network).check_output_layer()
