"""Functions to write: harmless tasks, in any of the ways in which they can be written."""

from __future__ import annotations

from subliminal.code_tasks import code_prompt, draw_task
from subliminal.pocket.world.draw import Draw, Drawn, conversation
from subliminal.pocket.world.favourites import neutral_system


def code(draw: Draw) -> Drawn:
    """A function asked for by a task and its signature."""
    drawn = draw_task(draw.random)
    asked = code_prompt(drawn.task, draw.place())
    return conversation(neutral_system(draw), asked), drawn.solution(draw.random)
