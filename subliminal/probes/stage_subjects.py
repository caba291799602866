"""The models that a language stage puts questions to, or lets write."""

from __future__ import annotations

from subliminal.models.stage_models import (
    chat_format,
    made_or,
    precision,
    reference_model,
    steering,
)
from subliminal.probes.subject import Subject
from subliminal.stage import Task


def reference_of(task: Task) -> Subject:
    """The reference of a stage."""
    return Subject(reference_model(task), chat_format(task), precision(task))


def teacher_of(task: Task) -> Subject:
    """The teacher of a stage, as it writes: under its system prompt, fine-tuned or steered."""
    made = task.stage.params["teacher"]
    return Subject(
        made_or(task, "teacher"),
        chat_format(task),
        precision(task),
        system=made["system"],
        steering=steering(task, made["steering"]),
    )
