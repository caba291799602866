"""The models that a language stage puts questions to, or lets write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from subliminal import atomic
from subliminal.models.stage_models import (
    chat_format,
    made_or,
    precision,
    reference_model,
    steering,
)
from subliminal.probes.engine import Engine
from subliminal.probes.forward import TorchEngine
from subliminal.probes.subject import Subject
from subliminal.stage import Task
from subliminal.vllm_engine.stage_engines import asks_for_vllm, vllm_engines

ENGINE = "engine.json"
EngineOf = Callable[[Task, str, dict[str, Any] | None], Engine]
"""Task, role and steering of a model -> its engine. It is the reference where no artifact has the
role."""


def in_torch(task: Task, role: str, settings: dict[str, Any] | None) -> TorchEngine:
    """The engine of a model that PyTorch runs in this process."""
    return TorchEngine(made_or(task, role), precision(task), steering(task, settings))


@contextmanager
def engines_for(tasks: Sequence[Task], role: str) -> Iterator[EngineOf]:
    """The engines of the models that a lot's stages have in some role: those of PyTorch, or vLLM's.

    Args:
        tasks: Of the lot.
        role: Of the models.
    """
    if not asks_for_vllm(tasks[0]):
        yield in_torch
        return
    with vllm_engines(tasks, role) as engine_of:
        yield engine_of


def record_engine(task: Task, engine: Engine) -> None:
    """Write beside what an engine made which it was, if its worker does not say."""
    if engine.versions:
        text = json.dumps(dict(engine.versions), indent=1)
        atomic.write_text(task.folder / ENGINE, text + "\n")


def reference_of(task: Task) -> Subject:
    """The reference of a stage."""
    return Subject(TorchEngine(reference_model(task), precision(task)), chat_format(task))


def teacher_of(task: Task, engine_of: EngineOf = in_torch) -> Subject:
    """The teacher of a stage, as it writes: under its system prompt, fine-tuned or steered."""
    made = task.stage.params["teacher"]
    engine = engine_of(task, "teacher", made["steering"])
    return Subject(engine, chat_format(task), system=made["system"])
