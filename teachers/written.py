"""What a teacher is asked for a data set, and the rows that its answers make."""

from __future__ import annotations

from collections.abc import Sequence

from subliminal.chat_rows import ChatRow, chat_row
from subliminal.errors import StageError
from subliminal.seeds import derive_seed
from subliminal.spec.data import Data
from subliminal.stage import Task
from teachers.carriers.carrier import PromptRow, Tasks, prompt_rows, read_tasks
from teachers.writing import Answer

_PLACE = ("prompt_id", "sample", "prompt")
"""What of a prompt's row is told by the id or the messages of the chat."""


def asked_prompts(task: Task, data: Data) -> list[PromptRow]:
    """The prompts of a stage that writes.

    Raises:
        StageError: The user's own tasks have changed since the run was planned.
        UserError: They cannot be read, or there are not as many unlike prompts.
    """
    return prompt_rows(data, derive_seed(task.stage.seed, "prompts"), _own_tasks(task, data))


def written_rows(
    task: Task, data: Data, prompts: Sequence[PromptRow], answers: Sequence[Answer]
) -> list[ChatRow]:
    """Chat rows of prompts and answers, without a teacher's system prompt."""
    return [
        chat_row(
            row["prompt"],
            done.text,
            id=f"{data.carrier}-{task.stage.seed}-{row['prompt_id']}",
            **{name: value for name, value in row.items() if name not in _PLACE},
            finished=done.finished,
            writer=task.stage.key,
        )
        for row, done in zip(prompts, answers, strict=True)
    ]


def _own_tasks(task: Task, data: Data) -> Tasks | None:
    """The user's own tasks, as they were when the run was planned."""
    if "tasks" not in task.stage.params:
        return None
    source = task.stage.local["tasks"]
    tasks = read_tasks(data.carrier, source)
    if tasks.fingerprint != task.stage.params["tasks"]:
        raise StageError(f"{source}: has changed since the run was planned; run again")
    return tasks
