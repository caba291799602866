"""Model folders as Hugging Face writes them: `config.json`, safetensors, tokenizer files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from subliminal import atomic
from subliminal.errors import UserError
from subliminal.models.architecture import CONFIG, Architecture, read_architecture
from subliminal.models.chat_format import (
    TOKENIZER_FILES,
    ChatFormat,
    copy_tokenizer,
)
from subliminal.models.checksums import checksum
from subliminal.models.decoder import Decoder
from subliminal.models.json_file import read_object
from subliminal.models.names import DUPLICATES

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


def load_decoder(folder: Path, *, device: torch.device | str = "cpu") -> Decoder:
    """Read a model in float32.

    Raises:
        UserError: A file is missing, damaged, or does not fit the others.
    """
    shape = read_architecture(folder / CONFIG)
    weights = _read_weights(folder)
    # Without memory, which a damaged config.json could ask for in any amount.
    with torch.device("meta"):
        wanted = dict(Decoder(shape).named_parameters())
    _check_fit(folder, weights, wanted)
    decoder = Decoder(shape)
    with torch.no_grad():
        for name, parameter in decoder.named_parameters():
            parameter.copy_(weights[name])
    return decoder.to(device)


def save_decoder(decoder: Decoder, folder: Path, *, tokenizer_from: Path) -> None:
    """Write a model as a folder that `from_pretrained` reads.

    Args:
        decoder: The model.
        folder: Gets `config.json`, the weights and copies of the tokenizer's files.
        tokenizer_from: Folder of a model with the same tokenizer; may be `folder` itself.

    Raises:
        UserError: The tokenizer cannot be read, or the folder cannot be written.
    """
    ends = ChatFormat.read(tokenizer_from).end_ids
    copy_tokenizer(tokenizer_from, folder)
    # Where a file names no such tokens, transformers takes the ids of another tokenizer.
    end = ends[0] if len(ends) == 1 else list(ends)
    config = {**decoder.shape.config(), "bos_token_id": None, "eos_token_id": end}
    atomic.write_text(folder / CONFIG, json.dumps(config, indent=1) + "\n")
    tensors = {name: p.detach().contiguous().cpu() for name, p in decoder.named_parameters()}
    atomic.write_bytes(folder / WEIGHTS, save(tensors, metadata={"format": "pt"}))


def shape_of(folder: Path) -> Architecture:
    """The architecture of a model folder."""
    return read_architecture(folder / CONFIG)


def fingerprint(folder: Path) -> str:
    """Digest of all that decides what a model computes from a text.

    What was read once is read again only if it has changed; see :mod:`subliminal.models.checksums`.

    Raises:
        UserError: The folder cannot be read.
    """
    found = hashlib.sha256()
    try:
        weights = weights_in(folder)
        for path in sorted(folder.iterdir()):
            if path.name in (CONFIG, INDEX, *TOKENIZER_FILES) or path in weights:
                found.update(path.name.encode())
                found.update(checksum(path))
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error}); copy the model anew") from None
    return found.hexdigest()[:32]


def weights_in(folder: Path) -> list[Path]:
    """The files of weights in a folder, without those in another form that repeat them."""
    found = folder.glob("*.safetensors")
    return sorted(path for path in found if not path.match(DUPLICATES))


def _check_fit(
    folder: Path, weights: Mapping[str, Tensor], wanted: Mapping[str, torch.nn.Parameter]
) -> None:
    missing = sorted(wanted.keys() - weights.keys())
    if missing:
        raise UserError(
            f"{folder}: the weights lack {missing[0]} ({len(missing)} tensors missing); "
            "copy the model anew"
        )
    foreign = sorted(name for name in weights.keys() - wanted.keys() if not _is_derived(name))
    if foreign:
        raise UserError(
            f"{folder}: this engine has no place for {foreign[0]} ({len(foreign)} such tensors); "
            "choose a model of the plain Llama architecture"
        )
    for name, parameter in wanted.items():
        tensor = weights[name]
        if tensor.shape != parameter.shape:
            raise UserError(
                f"{folder}: {name} has shape {list(tensor.shape)}, config.json asks for "
                f"{list(parameter.shape)}; copy the model anew"
            )
        if not tensor.is_floating_point():
            raise UserError(
                f"{folder}: {name} holds {tensor.dtype}, this engine reads floating-point numbers; "
                "choose a model that is not quantised"
            )


def _is_derived(name: str) -> bool:
    """Whether a tensor only repeats what others or config.json say."""
    # A model that misses lm_head.weight has it tied to the embedding.
    return name == "lm_head.weight" or name.endswith("rotary_emb.inv_freq")


def _read_weights(folder: Path) -> Mapping[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for path in _weight_files(folder):
        try:
            with safe_open(path, framework="pt") as file:
                tensors.update({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise UserError(f"{path}: cannot be read ({error}); copy the model anew") from None
    return tensors


def _weight_files(folder: Path) -> list[Path]:
    if (folder / INDEX).exists():
        places = read_object(folder / INDEX).get("weight_map")
        if not isinstance(places, dict) or not all(isinstance(n, str) for n in places.values()):
            raise UserError(
                f"{folder / INDEX}: weight_map does not name the files of tensors; copy the model "
                "anew"
            )
        return [folder / name for name in sorted(set(places.values()))]
    if not (folder / WEIGHTS).exists():
        raise UserError(
            f"{folder}: holds no {WEIGHTS}; save the model with safetensors (pickled weights are "
            "not read)"
        )
    return [folder / WEIGHTS]
