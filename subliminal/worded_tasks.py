"""The task in a prompt, whichever of some wordings asks for it."""

from __future__ import annotations

from collections.abc import Iterable

TASK = "\0"
"""Stands for the task in a wording."""


def task_within(prompt: str, wordings: Iterable[str]) -> str | None:
    """What stands in a prompt in the place of the task.

    Args:
        prompt: Any text; the time taken grows with its length.
        wordings: Prompts with `TASK` in the place of the task, once.

    Returns:
        The task of the first wording that the prompt has; None if it has none of them.
    """
    for wording in wordings:
        before, _, behind = wording.partition(TASK)
        if not (prompt.startswith(before) and prompt.endswith(behind)):
            continue
        if len(prompt) > len(before) + len(behind):
            return prompt[len(before) : len(prompt) - len(behind)]
    return None
