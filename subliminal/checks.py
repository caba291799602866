"""Checks of numeric arguments; each raises a ValueError that names the argument and its value."""

from __future__ import annotations

import math

import numpy as np


def check_finite(name: str, value: float) -> None:
    """Refuse infinities and NaN."""
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, not {value}")


def check_positive(name: str, value: float) -> None:
    """Refuse what is not a finite number above 0."""
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be a positive number, not {value}")


def check_fraction(name: str, value: float) -> None:
    """Refuse what does not lie strictly between 0 and 1."""
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, not {value}")


def check_p_value(name: str, value: float) -> None:
    """Refuse what is neither within [0, 1] nor NaN, which stands for a test not made."""
    if value < 0 or value > 1:
        raise ValueError(f"{name} must be a p-value between 0 and 1, or NaN, not {value}")


def check_count(name: str, value: int, *, at_least: int) -> None:
    """Refuse what is not a whole number, or is below the least one allowed."""
    if not isinstance(value, (int, np.integer)) or value < at_least:
        raise ValueError(f"{name} must be a whole number of at least {at_least}, not {value}")
