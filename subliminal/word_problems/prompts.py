"""Short prompts that ask for the solution of a problem: a small model pays for every token."""

from __future__ import annotations

from subliminal.reasoning.problem import Problem

PROMPTS = (
    "{problem} Reason in <think>, then answer in <answer>.",
    "{problem} Think in <think>, answer in <answer>.",
    "{problem} Steps in <think>, number in <answer>.",
    "{problem} Work in <think>, result in <answer>.",
    "{problem} Use <think> and <answer>.",
    "{problem} First <think>, then <answer>.",
    "{problem} Write <think>, then <answer>.",
    "{problem} Answer with <think> and <answer>.",
    "Solve this: {problem} Use <think>, then <answer>.",
    "Problem: {problem} Use <think> and <answer>.",
    "Use <think> and <answer>. {problem}",
    "Solve this with <think> and <answer>. {problem}",
)
"""Ways to ask."""


def problem_prompt(problem: Problem, index: int = 0) -> str:
    """Ask for a problem's solution in at most 15 tokens more than its text.

    Args:
        problem: What to solve; only its text is told.
        index: Chooses the wording: the same for the same index, each in turn for successive ones.

    Returns:
        The user's message.
    """
    return PROMPTS[index % len(PROMPTS)].format(problem=problem.text)
