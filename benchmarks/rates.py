"""How many tokens a second something takes: a line of a benchmark, and a row of a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

COLUMNS = ("", "tokens/s", "of peak", "here / theirs", "planned tokens/s")


@dataclass(frozen=True)
class Rate:
    """What was measured."""

    name: str
    """What was done."""
    tokens: int
    """How many."""
    seconds: float
    """That it took."""
    share: float | None = None
    """Of the device's peak, of the operations that have to be computed."""
    ours: float | None = None
    """Seconds that this package took, if it was not this package."""
    plan: float | None = None
    """Seconds that were expected."""

    @property
    def line(self) -> str:
        """For a terminal."""
        of_peak, ratio, planned = self._beside
        planned = planned and f"   {planned} planned"
        ratio = ratio and f"{ratio} x"
        return f"{self.name:44}{self._per_second:>9} tokens/s{of_peak:>9}{ratio:>9}{planned}"

    @property
    def row(self) -> str:
        """For a table in Markdown."""
        return table_row((self.name, self._per_second, *self._beside))

    @property
    def _per_second(self) -> str:
        return f"{self.tokens / self.seconds:,.0f}"

    @property
    def _beside(self) -> tuple[str, str, str]:
        return (
            "" if self.share is None else f"{self.share:.1%}",
            "" if self.ours is None else f"{self.seconds / self.ours:.2f}",
            "" if self.plan is None else f"{self.tokens / self.plan:,.0f}",
        )


def rates_table(rates: Sequence[Rate]) -> str:
    """A table in Markdown, for docs/performance.md."""
    rule = "|---|" + "---:|" * (len(COLUMNS) - 1)
    return "\n".join((table_row(COLUMNS), rule, *(rate.row for rate in rates)))


def table_row(cells: Sequence[str]) -> str:
    """A row of a table in Markdown."""
    return f"| {' | '.join(cells)} |"
