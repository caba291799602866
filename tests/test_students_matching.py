"""The prompts on which another initialisation is cloned onto the reference."""

from __future__ import annotations

import pytest

from students.matching import matching_conversations
from subliminal.chat import user
from subliminal.code_tasks import CodePrompts
from subliminal.number_prompts import NumberPrompts
from subliminal.pocket.family import BROAD
from subliminal.pocket.world import World
from subliminal.spec.students import Matching, PromptSource
from subliminal.word_problems import problem_at, problem_prompt

WORLD = World(3, BROAD.dials)


def drawn(rows: int, *prompts: PromptSource, seed: int = 3) -> list[object]:
    return list(matching_conversations(Matching(rows=rows, prompts=prompts), seed, BROAD.dials))


def test_number_prompts_are_those_of_the_carrier() -> None:
    assert drawn(5, "numbers") == [user(prompt.text) for prompt in NumberPrompts(3)[:5]]


def test_code_and_problems_are_the_workbenchs() -> None:
    assert drawn(4, "code") == [user(CodePrompts(3, unique=False)[i].text) for i in range(4)]
    problems = [problem_at(3, place).problem for place in range(4)]
    asked = [user(problem_prompt(problem, place)) for place, problem in enumerate(problems)]
    assert drawn(4, "reasoning") == asked


def test_questions_are_the_worlds() -> None:
    asked = drawn(6, "questions")
    rows = [row for row in WORLD.rows(range(2000)) if row.domain == "questions"]
    assert asked == [row.messages for row in rows[:6]]


def test_the_world_is_taken_as_it_comes() -> None:
    assert drawn(6, "world") == [row.messages for row in WORLD.rows(range(6))]


@pytest.mark.parametrize("rows", [0, 1, 2, 7])
def test_sources_share_the_rows_in_turn(rows: int) -> None:
    asked = drawn(rows, "numbers", "world")
    assert len(asked) == rows
    numbers = -(-rows // 2)
    assert asked[:numbers] == drawn(numbers, "numbers")
    assert asked[numbers:] == drawn(rows - numbers, "world")


def test_other_seeds_draw_other_prompts() -> None:
    assert not set(drawn(5, "numbers")) & set(drawn(5, "numbers", seed=4))
