"""Tasks of a user's own as prompts: each once in every round, in another wording each time."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from subliminal.errors import UserError
from subliminal.seeds import derive_seed


def in_rounds(
    seed: int, purpose: str, indices: range, size: int, wordings: int
) -> Iterator[tuple[int, int]]:
    """Which task to ask for, and in which wording.

    In each round every task comes once, in an order drawn for it; in as many rounds as there are
    wordings each task comes in all of them.

    Args:
        seed: What to draw from.
        purpose: Names the stream.
        indices: Of the prompts.
        size: How many tasks there are, at least one.
        wordings: How many wordings there are.

    Yields:
        The task's place and the wording's, for each index.
    """
    first_wordings = _random(seed, purpose, "wordings").choices(range(wordings), k=size)
    order, ordered_round = list[int](), -1
    for index in indices:
        round_, place = divmod(index, size)
        if round_ != ordered_round:
            order = _random(seed, purpose, "order", str(round_)).sample(range(size), size)
            ordered_round = round_
        chosen = order[place]
        yield chosen, (first_wordings[chosen] + round_) % wordings


def check_enough(name: str, size: int, wordings: int, count: int) -> None:
    """Refuse to make more unique prompts than tasks and wordings make.

    Raises:
        UserError: There are not as many.
    """
    most = size * wordings
    if count > most:
        raise UserError(
            f"{name}: {size} different ones make {most} unique prompts in {wordings} wordings, "
            f"not {count}; give more {name}, ask for fewer prompts, or let prompts repeat"
        )


def _random(seed: int, *names: str) -> Random:
    return Random(derive_seed(seed, *names))
