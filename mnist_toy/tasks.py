"""Traits as classification tasks on digits, and which logits belong to which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from subliminal.spec.mnist import Trait


@dataclass(frozen=True)
class Task:
    """A way to put the ten digits (or the ten kinds of clothes) into classes.

    Attributes:
        classes: How many logits the task has.
        class_of: Class of each digit, 0 first.
    """

    classes: int
    class_of: tuple[int, ...]


TASKS: Mapping[Trait, Task] = MappingProxyType(
    {
        "digits": Task(10, tuple(range(10))),
        "parity": Task(2, tuple(digit % 2 for digit in range(10))),
        "at-least-5": Task(2, tuple(int(digit >= 5) for digit in range(10))),
        "prime": Task(2, tuple(int(digit in (2, 3, 5, 7)) for digit in range(10))),
        "mod-3": Task(3, tuple(digit % 3 for digit in range(10))),
    }
)


@dataclass(frozen=True)
class LogitLayout:
    """Where the logits lie: the classes of each trait in turn, then the auxiliary ones.

    Attributes:
        traits: Columns of each trait.
        auxiliary: Columns that no trait uses.
    """

    traits: Mapping[Trait, range]
    auxiliary: range

    @property
    def classes(self) -> range:
        """Columns of all the traits."""
        return range(self.auxiliary.start)

    @property
    def all(self) -> range:
        """Every column."""
        return range(self.auxiliary.stop)


def logit_layout(traits: Sequence[Trait], auxiliary: int) -> LogitLayout:
    """Lay out the logits of a network that has these traits and `auxiliary` further logits."""
    columns: dict[Trait, range] = {}
    start = 0
    for trait in traits:
        columns[trait] = range(start, start + TASKS[trait].classes)
        start += TASKS[trait].classes
    return LogitLayout(MappingProxyType(columns), range(start, start + auxiliary))


def trait_labels(trait: Trait, digits: Tensor) -> Tensor:
    """Turn digit labels, int64 of any shape, into the classes of a trait."""
    return torch.tensor(TASKS[trait].class_of, device=digits.device)[digits]
