"""How often a lot says how far it is."""

from __future__ import annotations

import time

SECONDS_BETWEEN_REPORTS = 0.3


class Pace:
    """Keeps reports apart: all but the last one, and those that come a while after another."""

    def __init__(self) -> None:
        self._reported = -SECONDS_BETWEEN_REPORTS

    def is_time(self, done: float, total: float) -> bool:
        """Whether to report now; whoever asks does so if it is time."""
        now = time.monotonic()
        if now - self._reported < SECONDS_BETWEEN_REPORTS and done < total:
            return False
        self._reported = now
        return True
