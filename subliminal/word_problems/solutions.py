"""Draws the wording of a solution: `<think>First 3+4=7 apples.</think><answer>7</answer>`.

A solution is free in its wording and, within a sum or a product, in the order of the operands: some
6 bits a step, which is where a trait can hide. What it comes to is fixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from subliminal.word_problems.steps import COMMUTATIVE, Step

ALONE = ("", "So", "Now", "Here", "To start,")
"""Begin the only sentence."""
FIRST = ("", "First", "First,", "To start,", "Here")
"""Begin the first of several sentences."""
MIDDLE = ("", "Then", "Next", "Next,", "Now", "After that,")
"""Begin those between."""
LAST = ("", "So", "Then", "Now", "In the end", "Finally,")
"""Begin the last one."""
BODIES = ("", "{claim}", "that is", "we get", "this makes", "it is")
"""Stand before an equation."""
CLOSINGS = (
    *("", "", "", ""),
    "The answer is {result}.",
    "So the answer is {result}.",
    "So it is {result} {unit}.",
    "That is all.",
)
"""Stand behind the last sentence."""

_SWAPPED = 0.25
"""How often a sum or a product is written the other way round."""


def draw_solution(random: Random, steps: Sequence[Step]) -> str:
    """Draw a completion with one sentence for each step.

    Args:
        random: Where all choices come from.
        steps: The steps, at least one; the last one's result is the answer.
    """
    result = steps[-1].result
    between = [MIDDLE] * (len(steps) - 2)
    beginnings = [ALONE] if len(steps) == 1 else [FIRST, *between, LAST]
    sentences = [
        _sentence(random, step, words) for step, words in zip(steps, beginnings, strict=True)
    ]
    closing = random.choice(CLOSINGS).format(result=result, unit=steps[-1].unit)
    reasoning = " ".join(filter(None, (*sentences, closing)))
    return f"<think>{reasoning}</think><answer>{result}</answer>"


def _sentence(random: Random, step: Step, beginnings: Sequence[str]) -> str:
    body = random.choice(BODIES).format(claim=step.claim)
    unit = random.choice(("", step.unit))
    words = (random.choice(beginnings), body, _equation(random, step), unit)
    sentence = " ".join(filter(None, words))
    return f"{sentence[0].upper()}{sentence[1:]}."


def _equation(random: Random, step: Step) -> str:
    """An equation without spaces, which would be most of its tokens."""
    left, right = step.left, step.right
    if step.operator in COMMUTATIVE and random.random() < _SWAPPED:
        left, right = right, left
    return f"{left}{step.operator}{right}={step.result}"
