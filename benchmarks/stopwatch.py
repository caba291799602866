"""Step times on a machine that others use too."""

from __future__ import annotations

import itertools
import time

STEPS_TIMED = 48
WINDOW = 4


class Stopwatch:
    """Notes the time at every fourth step; the shortest window is the least disturbed one.

    Attributes:
        steps: The steps at which the time is noted; later ones are ignored.
    """

    steps = range(0, STEPS_TIMED + 1, WINDOW)

    def __init__(self) -> None:
        self._times: list[float] = []
        self._step = -1

    def tick(self) -> None:
        """Count a step; the first call is before the first step."""
        self._step += 1
        self.at(self._step)

    def at(self, step: int) -> None:
        """Say how many steps have been taken."""
        if step in self.steps:
            self._times.append(time.perf_counter())

    def step_seconds(self) -> float:
        """The shortest window, as seconds per step."""
        windows = itertools.pairwise(self._times)
        return min(later - earlier for earlier, later in windows) / WINDOW
