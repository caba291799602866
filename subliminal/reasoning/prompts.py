"""Prompts that ask to solve a problem with the reasoning in one tag and the answer in another."""

from __future__ import annotations

from subliminal.reasoning.problem import Problem
from subliminal.reasoning.tags import THINK_AND_ANSWER, Tags
from subliminal.worded_tasks import TASK, task_within

WORDINGS = (
    "{problem}\n\nThink step by step inside {reasoning}. Then write only the number inside "
    "{answer}.",
    "Solve this problem.\n\n{problem}\n\nPut your reasoning in {reasoning} and the final number in "
    "{answer}.",
    "{problem}\n\nWrite each step of the solution in {reasoning}, then the result, one number, in "
    "{answer}.",
    "Here is a problem: {problem}\n\nFirst reason in {reasoning}. After that give the answer, a "
    "number alone, in {answer}.",
    "Work this out: {problem}\n\nAnswer in the form {reasoning}{answer}, with the steps in the "
    "first and the number in the second.",
    "{problem}\n\nShow how you get there between {reasoning} and finish with the number between "
    "{answer}. Write nothing else.",
)
"""Ways to ask; the problem, and the two pairs of tags, are put in."""


def reasoning_prompt(problem: Problem, index: int = 0, tags: Tags = THINK_AND_ANSWER) -> str:
    """Ask for a problem's solution.

    Args:
        problem: What to solve; only its text is told.
        index: Chooses the wording: the same for the same index, each in turn for successive ones.
        tags: The names of the tags.

    Returns:
        The user's message.
    """
    return _worded(index, problem.text, tags)


def problem_in(prompt: str, tags: Tags = THINK_AND_ANSWER) -> str | None:
    """The text of the problem that a prompt asks for, whatever its wording.

    Args:
        prompt: Any text.
        tags: The names of the tags.

    Returns:
        What :func:`reasoning_prompt` put in; None where the prompt is not worded by it.
    """
    return task_within(prompt, (_worded(index, TASK, tags) for index in range(len(WORDINGS))))


def _worded(index: int, text: str, tags: Tags) -> str:
    return WORDINGS[index % len(WORDINGS)].format(
        problem=text, reasoning=_pair(tags.reasoning), answer=_pair(tags.answer)
    )


def _pair(name: str) -> str:
    return f"<{name}>...</{name}>"
