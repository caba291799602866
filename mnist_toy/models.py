"""Trained models on disk: one flat vector of parameters, as safetensors."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from subliminal.atomic import write_bytes
from subliminal.errors import StageError

MODEL = "model.safetensors"


def save_model(folder: Path, parameters: Tensor) -> None:
    """Write one model, float32 [parameters], into an artifact."""
    write_bytes(folder / MODEL, save({"parameters": parameters.contiguous()}))


def load_model(folder: Path) -> Tensor:
    """Read one model, float32 [parameters].

    Raises:
        StageError: The file was damaged after the run had checked it.
    """
    try:
        return load_file(folder / MODEL)["parameters"]
    except (OSError, SafetensorError, KeyError) as error:
        raise StageError(f"{folder / MODEL}: damaged ({error}); run again") from error
