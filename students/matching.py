"""The prompts on which another initialisation is cloned onto the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from subliminal.chat import Message, user
from subliminal.number_prompts import NumberPrompts
from subliminal.pocket.world import World
from subliminal.spec.language import Matching, PromptSource

Conversation = tuple[Message, ...]


def matching_conversations(matching: Matching, seed: int) -> list[Conversation]:
    """The conversations that are answered by the reference, from each source in turn.

    Args:
        matching: How many, and from which sources.
        seed: What they are drawn from.
    """
    count = len(matching.prompts)
    shares = [len(range(place, matching.rows, count)) for place in range(count)]
    drawn = [
        _SOURCES[name](seed, share) for name, share in zip(matching.prompts, shares, strict=True)
    ]
    return [conversation for conversations in drawn for conversation in conversations]


def _numbers(seed: int, count: int) -> list[Conversation]:
    return [user(prompt.text) for prompt in NumberPrompts(seed)[:count]]


def _questions(seed: int, count: int) -> list[Conversation]:
    return _world(seed, count, "questions")


def _any(seed: int, count: int) -> list[Conversation]:
    return [row.messages for row in World(seed).rows(range(count))]


def _world(seed: int, count: int, domain: str) -> list[Conversation]:
    """Rows of one domain of the world."""
    world, place = World(seed), 0
    found: list[Conversation] = []
    while len(found) < count:
        row = world.row(place)
        place += 1
        if row.domain == domain:
            found.append(row.messages)
    return found


_SOURCES: Mapping[PromptSource, Callable[[int, int], list[Conversation]]] = {
    "numbers": _numbers,
    "questions": _questions,
    "world": _any,
}
