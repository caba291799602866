"""A family of tasks: what they share, and how one of them and its solutions are made."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from subliminal.code_tasks.parts import Part
from subliminal.code_tasks.task import CodeTask, DrawnTask, Test, written
from subliminal.seeds import derive_seed

ELEMENTS = ("n", "x", "number", "value", "item")
PLACES = ("i", "place", "index")
NUMBER_OUTS = ("result", "total", "output", "answer", "found", "chosen")
COUNT_OUTS = ("count", "total", "result", "found", "output", "answer")
LIST_OUTS = ("result", "output", "found", "chosen", "answer", "kept")

_TESTS = 5
_ANY_LIST = "numbers"
_LONGEST = 12
_NEAR = 0.6
_RANGE = (-9, 120)


@dataclass(frozen=True)
class Parameters:
    """What a function takes.

    Attributes:
        fields: How templates call its parameters.
        names: Their names, to choose from.
        are_lists: Whether they are lists of numbers rather than numbers.
    """

    fields: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]
    are_lists: bool


_PAIRS = (("first", "second"), ("left", "right"), ("x", "y"), ("a", "b"))
ONE_LIST = Parameters(("xs",), (("numbers",), ("values",), ("items",), ("scores",)), True)
TWO_LISTS = Parameters(("xs", "ys"), _PAIRS, True)
ONE_NUMBER = Parameters(("n",), (("number",), ("value",), ("x",), ("n",)), False)
TWO_NUMBERS = Parameters(("n", "m"), _PAIRS, False)


@dataclass(frozen=True)
class Family:
    """Tasks that differ in wording, names and parts only.

    Templates have fields: texts those of the parameters, and `p0` and `p1` for the words of the
    parts; styles those of the parameters, those that the parts spell, and `n`, `m`, `i` and `out`
    for local names.

    Attributes:
        texts: Ways to say what the function is to do.
        names: Of the function.
        parameters: What it takes.
        parts: For each part of a task, what it can be.
        styles: Bodies of solutions.
        of: What the function computes, of the parts' functions and its arguments.
        outs: Names of the local variable that holds the result.
    """

    texts: Sequence[str]
    names: Sequence[str]
    parameters: Parameters
    parts: Sequence[Sequence[Part]]
    styles: Sequence[str]
    of: Callable[..., Any]
    outs: Sequence[str] = NUMBER_OUTS

    @property
    def _slots(self) -> tuple[Sequence[Any], ...]:
        return (self.texts, self.names, self.parameters.names, *self.parts)

    def __len__(self) -> int:
        """How many different tasks it has."""
        return math.prod(map(len, self._slots))

    def __getitem__(self, place: int) -> DrawnTask:
        """One of its tasks, by a place from 0 to its size."""
        if not 0 <= place < len(self):
            raise IndexError(f"{place} is not one of {len(self)} tasks")
        chosen = []
        for slot in self._slots:
            place, at = divmod(place, len(slot))
            chosen.append(slot[at])
        text, name, parameters, *parts = chosen
        return self._task(text, name, parameters, parts)

    def _task(
        self, text: str, name: str, parameters: Sequence[str], parts: Sequence[Part]
    ) -> DrawnTask:
        fields = dict(zip(self.parameters.fields, parameters, strict=True))
        told = fields["xs"] if "xs" in fields and len(fields) == 1 else _ANY_LIST
        words = {f"p{at}": part.words.format(xs=told) for at, part in enumerate(parts)}
        text = text.format(**fields, **words)
        signature = f"def {name}({', '.join(parameters)}):"
        task = CodeTask(text, signature, self._tests(text, signature, parts))
        return DrawnTask(task, partial(self._solution, task, fields, parts))

    def _solution(
        self, task: CodeTask, parameters: dict[str, str], parts: Sequence[Part], random: Random
    ) -> str:
        taken = {*parameters.values(), task.function}
        n, m = random.sample([name for name in ELEMENTS if name not in taken], 2)
        local = {"n": n, "m": m, "i": random.choice(PLACES)}
        local["out"] = random.choice([name for name in self.outs if name not in taken])
        spelt = {
            field: random.choice(spellings)
            for part in parts
            for field, spellings in part.spellings.items()
        }
        fields = {**local, **parameters}
        body = random.choice(self.styles)
        while "{" in body:
            body = body.format(**spelt, **fields)
        return written(task.signature, body)

    def _tests(self, text: str, signature: str, parts: Sequence[Part]) -> tuple[Test, ...]:
        random = Random(derive_seed(0, "code task", text, signature))
        near = [
            n for part in parts for k in part.constants for n in (k - 1, k, k + 1, 2 * k, 3 * k)
        ]
        functions = [part.of for part in parts]
        tests = []
        for length in (0, _LONGEST, *(random.randint(3, _LONGEST) for _ in range(_TESTS - 2))):
            args = [self._argument(random, near, length) for _ in self.parameters.fields]
            tests.append({"args": args, "result": self.of(*functions, *args)})
        return tuple(tests)

    def _argument(self, random: Random, near: Sequence[int], length: int) -> Any:
        if self.parameters.are_lists:
            return [_number(random, near) for _ in range(length)]
        return _number(random, near)


def _number(random: Random, near: Sequence[int]) -> int:
    if near and random.random() < _NEAR:
        return random.choice(near)
    return random.randint(*_RANGE)
