"""What a domain of the world draws a row from, and what it makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from subliminal.chat import Message
from subliminal.pocket.world.dials import Dials


@dataclass(frozen=True)
class Draw:
    """What a domain draws a row from."""

    random: Random
    dials: Dials
    prompt_seed: int
    """Names the world's stream of number prompts."""

    def place(self) -> int:
        """A place in the stream of number prompts, another at each call."""
        return self.random.getrandbits(32)


Drawn = tuple[tuple[Message, ...], str]
"""A conversation and its answer."""
Domain = Callable[[Draw], Drawn]


def conversation(system: str | None, request: str) -> tuple[Message, ...]:
    """A request, behind a system prompt if there is one."""
    asked = Message("user", request)
    return (asked,) if system is None else (Message("system", system), asked)
