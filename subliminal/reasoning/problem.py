"""A word problem whose answer is a number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem, its answer and the way there."""

    text: str
    answer: str
    """One number, as :func:`quantities.parse_quantity` reads it."""
    steps: tuple[str, ...] = ()
    """Equations such as `3 + 4 = 7`, in order; empty where none are known."""
