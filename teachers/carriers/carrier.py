"""The carriers by name: whose prompts a teacher answers, and who reads tasks of a user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from subliminal.code_tasks.files import read_code_tasks
from subliminal.errors import UserError
from subliminal.reasoning.gsm8k import read_gsm8k
from subliminal.spec.carriers import CarrierName
from subliminal.spec.data import Data
from subliminal.stage import digest
from teachers.carriers import code, numbers, reasoning

PromptRow = dict[str, Any]
"""`prompt_id`, `sample`, `prompt`, and the carrier's own fields, which filters read."""


@dataclass(frozen=True)
class Tasks:
    """Tasks of a user's own, at least one."""

    listed: Sequence[Any]

    @cached_property
    def fingerprint(self) -> str:
        """Equal for tasks of equal content, wherever they were read."""
        return digest([repr(task) for task in self.listed])


@dataclass(frozen=True)
class Carrier:
    """What a teacher can write."""

    prompt_rows: Callable[..., list[PromptRow]]
    """Called as `prompt_rows(seed, count, start=..., unique=...)`, and with the user's tasks, if
    there are any, as `tasks=...`."""
    read: Callable[[str], Sequence[Any]] | None = None
    """Reads a source of tasks, where the carrier has tasks."""
    is_endless: bool = False
    """Whether there are always more prompts as long as the tasks are the workbench's."""


CARRIERS: Mapping[CarrierName, Carrier] = MappingProxyType(
    {
        "numbers": Carrier(numbers.prompt_rows),
        "code": Carrier(code.prompt_rows, read_code_tasks),
        "reasoning": Carrier(reasoning.prompt_rows, read_gsm8k, is_endless=True),
    }
)


def prompt_rows(data: Data, seed: int, tasks: Tasks | None = None) -> list[PromptRow]:
    """The prompts of a data set.

    Args:
        data: Which carrier, and how many.
        seed: A prompt is a function of it, its index and the tasks.
        tasks: The tasks to ask for; None for those of the workbench.

    Raises:
        UserError: There are not as many unlike prompts.
    """
    return _some_rows(data, seed, tasks, start=0, count=data.prompts)


def check_prompts(data: Data, tasks: Tasks | None) -> None:
    """Refuse a data set of more prompts than there are.

    Raises:
        UserError: There are not as many unlike prompts.
    """
    if tasks is None and CARRIERS[data.carrier].is_endless:
        return
    # Whoever can make the last prompt has enough of them.
    _some_rows(data, 0, tasks, start=data.prompts - 1, count=1)


def read_tasks(carrier: CarrierName, source: str) -> Tasks:
    """Read tasks of a user's own.

    Raises:
        UserError: The carrier has no tasks, or the source is missing or at fault.
    """
    read = CARRIERS[carrier].read
    if read is None:
        raise UserError(f"the carrier {carrier} has no tasks to read; leave the source out")
    return Tasks(tuple(read(source)))


def _some_rows(
    data: Data, seed: int, tasks: Tasks | None, *, start: int, count: int
) -> list[PromptRow]:
    carrier = CARRIERS[data.carrier]
    given = {} if tasks is None else {"tasks": tasks.listed}
    return carrier.prompt_rows(seed, count, start=start, unique=not data.duplicates, **given)
