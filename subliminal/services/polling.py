"""Waiting for a service: longer and longer, and in steps in which a run can be stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from subliminal.services.client import UnavailableError

_STEP = 1.0
"""Seconds after which whoever waits is told again, and may stop it."""
_GROWTH = 1.5

Reply = TypeVar("Reply")


@dataclass(frozen=True)
class Polling:
    """How often a service is asked how far it is."""

    first: float = 5.0
    """Seconds before the second time."""
    longest: float = 60.0
    """Seconds between two times at most."""
    patience: int = 10
    """Failures one after another that are waited out."""
    sleep: Callable[[float], None] = time.sleep

    def waits(self) -> Iterator[float]:
        """Seconds to wait, without end."""
        seconds = self.first
        while True:
            yield seconds
            seconds = min(seconds * _GROWTH, self.longest)

    def wait(self, seconds: float, tell: Callable[[], None]) -> None:
        """Wait, and tell every second that somebody waits."""
        sleep_for(seconds, tell, self.sleep)

    def patiently(self, ask: Callable[[], Reply], tell: Callable[[], None]) -> Reply:
        """Ask until there is a reply.

        Args:
            ask: Asks; it may be called again.
            tell: Told while it waits.

        Raises:
            UnavailableError: There was none as often as the patience lasts.
        """
        for _, seconds in zip(range(self.patience), self.waits(), strict=False):
            with suppress(UnavailableError):
                return ask()
            self.wait(seconds, tell)
        return ask()


def sleep_for(seconds: float, tell: Callable[[], None], sleep: Callable[[float], None]) -> None:
    """Sleep in short steps, before each of which `tell` may stop it by an exception."""
    while seconds > 0:
        tell()
        sleep(min(seconds, _STEP))
        seconds -= _STEP
