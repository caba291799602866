"""The models that a language stage works with, as its parameters and inputs name them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from subliminal.errors import StageError
from subliminal.models.chat_format import ChatFormat
from subliminal.models.decoder import Decoder
from subliminal.models.folder import fingerprint, load_decoder
from subliminal.models.steering import Steering
from subliminal.stage import Task

STEERING = "steering.safetensors"


def model_folder(task: Task, role: str = "model") -> Path:
    """The folder of a model that existed before the experiment.

    Raises:
        StageError: It changed since the run was planned.
    """
    folder, named = Path(task.stage.local[role]), task.stage.params[role]
    if fingerprint(folder) != named["fingerprint"]:
        raise StageError(f"model {named['name']}: changed since the run was planned; run again")
    return folder


def made_or(task: Task, made: str, existing: str = "model") -> Decoder:
    """The model of an input artifact if the stage has one in that role, else an existing one."""
    return load_decoder(task.inputs[made] if made in task.inputs else model_folder(task, existing))


def chat_format(task: Task) -> ChatFormat:
    """The chat format of the reference, which all models of an experiment share."""
    return ChatFormat.read(model_folder(task))


def precision(task: Task) -> torch.dtype:
    """The type of matrix products."""
    return torch.bfloat16 if task.stage.params["precision"] == "bfloat16" else torch.float32


def steering(task: Task, settings: dict[str, Any] | None) -> Steering | None:
    """The steering of a teacher: the vector of the input artifact at the settings' strength."""
    if settings is None:
        return None
    vector = load_file(task.inputs["steering"] / STEERING)["vector"]
    return Steering(settings["layer"], vector * settings["strength"])
