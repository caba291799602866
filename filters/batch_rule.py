"""Rules that look at many rows at once, because each row costs time or money."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from filters.rows import Row
from filters.rule import Check, Rule


class BatchCheck(Protocol):
    """Looks at rows."""

    def __call__(self, rows: Sequence[Row]) -> list[list[str]]:
        """The reasons against each row, in the order of the rows; none if it is kept."""
        ...

    def record(self) -> dict[str, Any]:
        """What it has to tell of its work so far, as plain data: for example, what was spent."""
        ...


class BatchRule(Rule):
    """A rule that is asked about many rows at once, and only about rows nothing else is against.

    Its reasons therefore count rows that every other rule lets pass. Rules of this kind are asked
    in their order, each about what the ones before it left.
    """

    rows_at_once: ClassVar[int] = 256
    """Rows it is handed together; so many are held in memory."""

    @abstractmethod
    def check_batch(self) -> BatchCheck:
        """Make what looks at rows; called once for each filter, before its first rows."""

    def check(self) -> Check:
        """One row at a time, see `Rule`."""
        looked = self.check_batch()
        return lambda row: looked([row])[0]
