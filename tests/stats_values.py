"""Values for tests of statistics, and the limits that were found."""

from __future__ import annotations

from hypothesis import strategies as st

from subliminal.stats import Interval

# Multiples of 1/64 keep sums exact, so that properties hold without tolerances for rounding.
VALUE = st.integers(-6400, 6400).map(lambda k: k / 64)


def limits(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high
