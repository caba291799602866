"""Which rows a step learns from: a pure function of the step, so that a resume needs no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from subliminal.seeds import derive_seed
from subliminal.spec.recipes import Recipe
from subliminal.training.rows import TokenRows


class Source(Protocol):
    """Where the rows of a training come from."""

    @property
    def steps(self) -> int:
        """Steps of the whole training."""

    def rows(self, step: int) -> TokenRows:
        """The rows of a step, counted from 0; the same at every call."""


@dataclass(frozen=True, eq=False)
class DataSet:
    """A fixed set of rows, passed over in another order each epoch.

    Attributes:
        data: The rows.
        recipe: Epochs and rows in a step; the last step of an epoch takes what is left.
        seed: Of the orders.
    """

    data: TokenRows
    recipe: Recipe
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one pass, a short last one included."""
        return -(-len(self.data) // self.recipe.batch_size)

    @property
    def steps(self) -> int:
        """Steps of all passes."""
        return self.recipe.epochs * self.steps_per_epoch

    def rows(self, step: int) -> TokenRows:
        """The next rows of the epoch's order."""
        epoch, batch = divmod(step, self.steps_per_epoch)
        order = _order(self.seed, epoch, len(self.data))
        size = self.recipe.batch_size
        return self._numbered.take(order[batch * size : (batch + 1) * size])

    @cached_property
    def _numbered(self) -> TokenRows:
        return self.data.numbered()


@dataclass(frozen=True, eq=False)
class Stream:
    """Rows made for each step anew.

    Attributes:
        make: Step -> its rows; must return the same rows at every call.
        steps: Of the whole training.
    """

    make: Callable[[int], TokenRows]
    steps: int

    def rows(self, step: int) -> TokenRows:
        """Make the step's rows."""
        return self.make(step)


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, rows: int) -> NDArray[np.int64]:
    generator = np.random.Generator(np.random.PCG64(derive_seed(seed, "epoch", str(epoch))))
    return generator.permutation(rows)
