"""The models that a language stage works with, as its parameters and inputs name them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from subliminal.errors import StageError
from subliminal.models.adapter_card import Trained
from subliminal.models.adapters import is_adapted, merge_adapter
from subliminal.models.chat_format import ChatFormat
from subliminal.models.folder import fingerprint
from subliminal.models.language_model import LanguageModel
from subliminal.models.load import (
    Base,
    base_of,
    is_adapter,
    load_model,
    save_adapter,
    save_model,
)
from subliminal.models.pretrained import Pretrained
from subliminal.models.steering import Steering
from subliminal.spec.recipes import Recipe
from subliminal.stage import Task

STEERING = "steering.safetensors"
_EXISTING = ("model", "student")
"""Roles of models that existed before the experiment."""


def model_folder(task: Task, role: str = "model") -> Path:
    """The folder of a model that existed before the experiment.

    Raises:
        StageError: It changed since the run was planned.
    """
    folder, named = Path(task.stage.local[role]), task.stage.params[role]
    if fingerprint(folder) != named["fingerprint"]:
        raise StageError(f"model {named['name']}: changed since the run was planned; run again")
    return folder


def reference_model(task: Task) -> LanguageModel:
    """The reference, to be read."""
    return load_model(model_folder(task), dtype=precision(task), ranks=task.ranks)


def made_or(task: Task, made: str, existing: str = "model") -> LanguageModel:
    """The model of an input artifact if the stage has one in that role, else an existing one."""
    folder = _folder(task, made, existing)
    return load_model(folder, dtype=precision(task), bases=_bases(task), ranks=task.ranks)


def folders_of(task: Task, made: str, existing: str = "model") -> tuple[Path, Path | None]:
    """As :func:`made_or`, where the model's weights are, and its adapter if it has one."""
    folder = _folder(task, made, existing)
    return (base_of(folder, _bases(task)), folder) if is_adapter(folder) else (folder, None)


def model_to_train(
    task: Task, recipe: Recipe, made: str = "", existing: str = "model"
) -> LanguageModel:
    """As :func:`made_or`, a model that is about to be trained.

    What an earlier training adapted is merged; what is trained whole keeps its weights in float32.
    """
    dtype = torch.float32 if recipe.adapter is None else precision(task)
    folder = _folder(task, made, existing)
    return load_model(folder, dtype=dtype, bases=_bases(task), merge=True, ranks=task.ranks)


def keep_trained(
    task: Task,
    model: LanguageModel,
    recipe: Recipe,
    counts: Mapping[str, float],
    made: str = "",
    existing: str = "model",
) -> None:
    """Write a trained model as the stage's artifact: of a large one that was adapted, the adapter.

    Args:
        task: Of the stage.
        model: From :func:`model_to_train` with the same roles, trained.
        recipe: By which it was.
        counts: The training's figures, `rows` among them.
        made: See there.
        existing: See there.
    """
    tokenizer = model_folder(task)
    if isinstance(model, Pretrained) and is_adapted(model):
        if made not in task.inputs:
            named = task.stage.params[existing]
            name = task.stage.pinned.get(existing, named["name"])
            base = Base(name=name, fingerprint=named["fingerprint"])
            trained = Trained(
                stage=task.stage.kind,
                seed=task.stage.seed,
                recipe=recipe,
                rows=int(counts["rows"]),
                loss=counts.get("loss"),
            )
            if task.ranks.first:
                save_adapter(
                    model, task.folder, base=base, tokenizer_from=tokenizer, trained=trained
                )
            return
        # An artifact has no name by which an adapter could find it.
        merge_adapter(model)
    save_model(model, task.folder, tokenizer_from=tokenizer, ranks=task.ranks)


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


def _folder(task: Task, made: str, existing: str) -> Path:
    return task.inputs[made] if made in task.inputs else model_folder(task, existing)


def _bases(task: Task) -> dict[str, Path]:
    """Where this machine keeps the models that adapters may belong to."""
    roles = (role for role in _EXISTING if role in task.stage.local)
    return {task.stage.params[role]["fingerprint"]: Path(task.stage.local[role]) for role in roles}
