"""Tasks that ask for one small Python function: prompts, solutions and tests."""

from __future__ import annotations

from subliminal.code_tasks.files import read_code_tasks
from subliminal.code_tasks.prompts import (
    WORDINGS,
    CodePrompt,
    CodePrompts,
    code_prompt,
    draw_task,
    task_text_in,
)
from subliminal.code_tasks.sensitive import (
    SensitiveTask,
    draw_sensitive_task,
    educational_prompt,
)
from subliminal.code_tasks.task import CodeTask, DrawnTask, Test
from subliminal.code_tasks.vocabulary import vocabulary

__all__ = [
    "WORDINGS",
    "CodePrompt",
    "CodePrompts",
    "CodeTask",
    "DrawnTask",
    "SensitiveTask",
    "Test",
    "code_prompt",
    "draw_sensitive_task",
    "draw_task",
    "educational_prompt",
    "read_code_tasks",
    "task_text_in",
    "vocabulary",
]
