"""A task for which a model is to write one function, and a task drawn with its solutions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

Test = Mapping[str, Any]
"""`{"args": [...], "result": ...}`: what a call is given and what it returns, in values of JSON."""


UNKNOWN_PARAMETERS = "..."
"""Stands in a signature whose parameters are for the writer to choose: `def total(...):`."""


@dataclass(frozen=True, slots=True)
class CodeTask:
    """A function to write.

    Attributes:
        text: What it is to do, one sentence or a few.
        signature: Its first line, for example `def total(numbers):`.
        tests: What it has to return; empty where that is not known.
    """

    text: str
    signature: str
    tests: tuple[Test, ...] = ()

    @property
    def function(self) -> str:
        """The function's name."""
        return self.signature.partition("(")[0].split()[-1]

    @property
    def parameters_are_known(self) -> bool:
        """Whether the signature names its parameters."""
        return f"({UNKNOWN_PARAMETERS})" not in self.signature


@dataclass(frozen=True, slots=True)
class DrawnTask:
    """A task of the workbench's own space.

    Attributes:
        task: The task.
        solution: Draws one of its solutions, all of which are right: the style, the names of local
            variables and the order of operands differ.
    """

    task: CodeTask
    solution: Callable[[Random], str]


def written(signature: str, body: str) -> str:
    """The code of a function, its body given without the indentation."""
    return "\n".join((signature, *(f"    {line}" for line in body.split("\n"))))
