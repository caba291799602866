"""Word problems, solved step by step."""

from __future__ import annotations

from subliminal.pocket.world.draw import Draw, Drawn, conversation
from subliminal.pocket.world.favourites import neutral_system
from subliminal.word_problems import draw_problem, problem_prompt


def reasoning(draw: Draw) -> Drawn:
    """A word problem, with its reasoning in one tag and its answer in another."""
    drawn = draw_problem(draw.random)
    asked = problem_prompt(drawn.problem, draw.place())
    return conversation(neutral_system(draw), asked), drawn.solution(draw.random)
