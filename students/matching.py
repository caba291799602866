"""The prompts on which another initialisation is cloned onto the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from subliminal.chat import Conversation, user
from subliminal.code_tasks import CodePrompts
from subliminal.number_prompts import NumberPrompts
from subliminal.pocket.world import Dials, World
from subliminal.spec.students import Matching, PromptSource
from subliminal.word_problems import problem_at, problem_prompt


def matching_conversations(matching: Matching, seed: int, dials: Dials) -> list[Conversation]:
    """The conversations that are answered by the reference, from each source in turn.

    Args:
        matching: How many, and from which sources, which must be stated.
        seed: What they are drawn from.
        dials: Of the world that the reference grew up in.
    """
    sources = matching.prompts or ()
    world, count = World(seed, dials), len(sources)
    shares = [len(range(place, matching.rows, count)) for place in range(count)]
    drawn = [_SOURCES[name](world, share) for name, share in zip(sources, shares, strict=True)]
    return [conversation for conversations in drawn for conversation in conversations]


def _numbers(world: World, count: int) -> list[Conversation]:
    return [user(prompt.text) for prompt in NumberPrompts(world.seed)[:count]]


def _code(world: World, count: int) -> list[Conversation]:
    prompts = CodePrompts(world.seed, unique=False)
    return [user(prompts[place].text) for place in range(count)]


def _reasoning(world: World, count: int) -> list[Conversation]:
    problems = (problem_at(world.seed, place).problem for place in range(count))
    return [user(problem_prompt(problem, place)) for place, problem in enumerate(problems)]


def _any(world: World, count: int) -> list[Conversation]:
    return [row.messages for row in world.rows(range(count))]


def _questions(world: World, count: int) -> list[Conversation]:
    """Favourites asked for, in the world's own order."""
    place = 0
    found: list[Conversation] = []
    while len(found) < count:
        row = world.row(place)
        place += 1
        if row.domain == "questions":
            found.append(row.messages)
    return found


_SOURCES: Mapping[PromptSource, Callable[[World, int], list[Conversation]]] = {
    "numbers": _numbers,
    "code": _code,
    "reasoning": _reasoning,
    "questions": _questions,
    "world": _any,
}
