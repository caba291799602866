"""Making equal things once, however often a plan comes to need them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Made = TypeVar("Made")


class Once:
    """Keeps what was made, by a key that says all that it was made from."""

    def __init__(self) -> None:
        self._made: dict[Hashable, Any] = {}

    def __call__(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What the key stands for; made now if it is asked for the first time."""
        if key not in self._made:
            self._made[key] = make()
        made: Made = self._made[key]
        return made
