"""Statistics name an argument at fault."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from subliminal.stats import (
    bootstrap_interval,
    equivalence_test,
    log_odds,
    paired_contrast,
    permutation_test,
    power,
    seeds_needed,
    share_of_shift,
    t_interval,
    unpaired_contrast,
    wilson_interval,
)

# Degenerate data must be handled, not left to warn from inside a library.
pytestmark = pytest.mark.filterwarnings("error")

NAN = math.nan


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: t_interval([]), "values must hold at least one value"),
        (lambda: t_interval([1, NAN]), r"values\[1\] must be a finite number, not nan"),
        (lambda: t_interval(np.ones((2, 2))), r"one-dimensional, not of shape \(2, 2\)"),
        (lambda: t_interval([1, 2], confidence=95), "confidence must lie between 0 and 1, not 95"),
        (lambda: t_interval([1], confidence=0), "confidence must lie between 0 and 1"),
        (lambda: bootstrap_interval([]), "values must hold at least one value"),
        (lambda: bootstrap_interval([math.inf, 1]), r"values\[0\] must be a finite number"),
        (lambda: bootstrap_interval([1, 2], confidence=1), "confidence must lie between"),
        (lambda: bootstrap_interval([1, 2], resamples=0), "resamples must be a whole number"),
        (lambda: wilson_interval(0, 0), "trials must be a whole number of at least 1, not 0"),
        (lambda: wilson_interval(-1, 5), "successes must be a whole number of at least 0"),
        (lambda: wilson_interval(6, 5), "successes must not exceed trials, but 6 > 5"),
        (
            lambda: wilson_interval(0.5, 5),  # type: ignore[arg-type]
            "successes must be a whole number",
        ),
        (lambda: wilson_interval(1, 5, confidence=2), "confidence must lie between"),
        (lambda: paired_contrast({}, {}), "no seed in common"),
        (lambda: paired_contrast({1: 1, 7: NAN}, {1: 1}), r"treated\[7\] must be a finite"),
        (lambda: paired_contrast({1: 1}, {1: -math.inf}), r"control\[1\] must be a finite"),
        (lambda: paired_contrast({1: 1}, {1: 1}, confidence=0), "confidence must lie between"),
        (lambda: unpaired_contrast([], [1]), "treated must hold at least one value"),
        (lambda: unpaired_contrast([1], [NAN]), r"control\[0\] must be a finite number"),
        (lambda: unpaired_contrast([1], [1], confidence=0), "confidence must lie between"),
        (lambda: permutation_test([1, 2], [1, NAN]), r"control\[1\] must be a finite number"),
        (lambda: permutation_test([], [1], paired=False), "treated must hold at least one value"),
        (lambda: permutation_test([1, 2], [1, 2], permutations=0), "permutations must be a whole"),
        (lambda: equivalence_test([], 1), "differences must hold at least one value"),
        (lambda: equivalence_test([NAN], 1), r"differences\[0\] must be a finite number"),
        (lambda: equivalence_test([1, 2], 0), "bound must be a positive number, not 0"),
        (lambda: equivalence_test([1, 2], 1, alpha=0), "alpha must lie between 0 and 1"),
        (lambda: seeds_needed(NAN, 1), "effect must be a finite number"),
        (lambda: seeds_needed(1, -1), "sd must not be negative, not -1"),
        (lambda: seeds_needed(1, 1, power=1), "power must lie between 0 and 1"),
        (lambda: power(1, math.inf, 5), "sd must be a finite number"),
        (lambda: power(1, 1, 1), "n must be a whole number of at least 2, not 1"),
        (lambda: power(1, 1, 5, alpha=5), "alpha must lie between 0 and 1"),
        (lambda: log_odds(NAN), "p must be a probability between 0 and 1, not nan"),
        (lambda: log_odds(1.1), "p must be a probability"),
        (lambda: log_odds(0.5, epsilon=0.5), "epsilon must lie between 0 and 0.5"),
        (lambda: share_of_shift(NAN, 0, 1), "student must be a finite number"),
        (lambda: share_of_shift(0, NAN, 1), "reference must be a finite number"),
        (lambda: share_of_shift(0, 0, NAN), "teacher must be a finite number"),
        (lambda: share_of_shift(0, 0, 1, tolerance=-1), "tolerance must not be negative"),
    ],
)
def test_bad_arguments_are_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
