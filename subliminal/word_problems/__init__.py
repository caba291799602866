"""Arithmetic word problems of one to four steps, their solutions, and prompts that ask for them."""

from __future__ import annotations

from subliminal.word_problems.problems import (
    STEP_WEIGHTS,
    DrawnProblem,
    distinct_problems,
    draw_problem,
    problem_at,
    vocabulary,
)
from subliminal.word_problems.prompts import PROMPTS, problem_prompt
from subliminal.word_problems.steps import Operator, Step

__all__ = [
    "PROMPTS",
    "STEP_WEIGHTS",
    "DrawnProblem",
    "Operator",
    "Step",
    "distinct_problems",
    "draw_problem",
    "problem_at",
    "problem_prompt",
    "vocabulary",
]
