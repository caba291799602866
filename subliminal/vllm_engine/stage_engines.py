"""vLLM for the models of a lot's stages: one engine, which they use in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from subliminal.models.load import rank_of, shape_of_model
from subliminal.models.stage_models import folders_of
from subliminal.spec.inference import Inference
from subliminal.stage import Task
from subliminal.vllm_engine.engine import ModelFiles, VllmEngine
from subliminal.vllm_engine.model import VllmModel
from subliminal.vllm_engine.settings import EngineSettings


class _ModelOf(Protocol):
    def __call__(self, task: Task, role: str, steering: dict[str, Any] | None) -> VllmModel: ...


def asks_for_vllm(task: Task) -> bool:
    """Whether a stage's models are vLLM's to run."""
    return bool(task.stage.params.get("engine") == "vllm")


@contextmanager
def vllm_engines(tasks: Sequence[Task], role: str) -> Iterator[_ModelOf]:
    """An engine for the models that a lot's stages have in some role, as long as the context lasts.

    Args:
        tasks: Of the lot; they agree on how vLLM is started.
        role: Of the models.
    """
    adapters = (folders_of(task, role)[1] for task in tasks)
    rank = max((rank_of(adapter) for adapter in adapters if adapter is not None), default=0)
    with VllmEngine(_settings(tasks[0]), rank) as engine:

        def model_of(task: Task, role: str, steering: dict[str, Any] | None) -> VllmModel:
            assert steering is None, "the plan refuses steered teachers"
            return VllmModel(engine, files_of(*folders_of(task, role)))

        yield model_of


def files_of(weights: Path, adapter: Path | None = None) -> ModelFiles:
    """A model in its folders, as vLLM is told of it.

    Raises:
        UserError: A folder lacks what a model needs, or no engine knows the architecture.
    """
    shape = shape_of_model(weights)
    return ModelFiles(
        weights,
        shape.vocab_size,
        shape.max_position_embeddings,
        adapter,
        0 if adapter is None else rank_of(adapter),
    )


def _settings(task: Task) -> EngineSettings:
    stated = Inference.model_validate_json(task.stage.local["inference"])
    return EngineSettings(
        task.stage.params["precision"],
        stated.tensor_parallel,
        stated.memory_share,
        stated.max_length,
        patience=stated.patience,
        devices=task.devices,
    )
