"""Tasks of a user's own as prompts: each once in every round, in another wording each time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from random import Random
from typing import TypeVar

from subliminal.errors import UserError
from subliminal.seeds import derive_seed

TaskT = TypeVar("TaskT")


def in_rounds(
    tasks: Sequence[TaskT],
    indices: range,
    *,
    seed: int,
    purpose: str,
    wordings: int,
    same: Callable[[TaskT], Hashable] | None,
) -> Iterator[tuple[TaskT, int]]:
    """Which task to ask for, and in which wording.

    In each round every task comes once, in an order drawn for it; in as many rounds as there are
    wordings each task comes in all of them.

    Args:
        tasks: At least one.
        indices: Of the prompts.
        seed: What to draw from.
        purpose: Names the stream.
        wordings: How many wordings there are.
        same: If no two prompts may be alike: equal for tasks whose prompts are alike, of which
            the first is asked for; None: prompts may be alike.

    Yields:
        The task and the place of its wording, for each index.

    Raises:
        UserError: There are no tasks, or too few for prompts that are all unlike.
    """
    if not tasks:
        raise UserError("tasks: there are none; give at least one")
    if same is not None:
        tasks = _distinct(tasks, same)
        _check_enough(len(tasks), wordings, indices.stop)
    return _in_rounds(tasks, indices, seed, purpose, wordings)


def _in_rounds(
    tasks: Sequence[TaskT], indices: range, seed: int, purpose: str, wordings: int
) -> Iterator[tuple[TaskT, int]]:
    size = len(tasks)
    first_wordings = _random(seed, purpose, "wordings").choices(range(wordings), k=size)
    order, ordered_round = list[int](), -1
    for index in indices:
        round_, place = divmod(index, size)
        if round_ != ordered_round:
            order = _random(seed, purpose, "order", str(round_)).sample(range(size), size)
            ordered_round = round_
        chosen = order[place]
        yield tasks[chosen], (first_wordings[chosen] + round_) % wordings


def _distinct(tasks: Sequence[TaskT], same: Callable[[TaskT], Hashable]) -> list[TaskT]:
    """The first of the tasks that are the same."""
    found: dict[Hashable, TaskT] = {}
    for task in tasks:
        found.setdefault(same(task), task)
    return list(found.values())


def _check_enough(size: int, wordings: int, count: int) -> None:
    most = size * wordings
    if count > most:
        raise UserError(
            f"tasks: {size} different ones make {most} unique prompts in {wordings} wordings, not "
            f"{count}; give more tasks, ask for fewer prompts, or let prompts repeat"
        )


def _random(seed: int, *names: str) -> Random:
    return Random(derive_seed(seed, *names))
