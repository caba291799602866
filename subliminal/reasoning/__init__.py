"""Completions that reason before they answer: problems, prompts, tags, numbers and equations."""

from __future__ import annotations

from subliminal.reasoning.equations import Equation, find_equations
from subliminal.reasoning.gsm8k import read_gsm8k
from subliminal.reasoning.problem import Problem
from subliminal.reasoning.prompts import problem_in, reasoning_prompt
from subliminal.reasoning.quantities import last_quantity, parse_quantity
from subliminal.reasoning.tags import Reasoned, TagFault, Tags, parse_reasoned

__all__ = [
    "Equation",
    "Problem",
    "Reasoned",
    "TagFault",
    "Tags",
    "find_equations",
    "last_quantity",
    "parse_quantity",
    "parse_reasoned",
    "problem_in",
    "read_gsm8k",
    "reasoning_prompt",
]
