"""Samples of one value per seed: checked arrays of them, and differences between two arms.

Two floats that differ by rounding alone count as equal here. Values that are computed in two ways
would otherwise seem to differ, in the worst case by the same amount for every seed; without a
spread that looks like an effect beyond doubt.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from subliminal.checks import check_finite

Array: TypeAlias = NDArray[np.float64]
Values: TypeAlias = Sequence[float] | NDArray[np.float64]
BySeed: TypeAlias = Mapping[int, float]

_ROUNDING = 1e-12
"""Relative difference below which two floats are the same number computed in two ways."""


def sample_of(name: str, values: BySeed | Values) -> Array:
    """Make an array, shape (n,), of one value per seed.

    Raises:
        ValueError: No values, more than one dimension, or a value that is not finite; `name` is
            what the message calls them.
    """
    listed = list(values.values()) if isinstance(values, Mapping) else values
    sample = np.asarray(listed, dtype=np.float64)
    if sample.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, not of shape {sample.shape}")
    if sample.size == 0:
        raise ValueError(f"{name} must hold at least one value")
    finite = np.isfinite(sample)
    if not finite.all():
        first = int(np.argmin(finite))
        raise ValueError(f"{name}[{first}] must be a finite number, not {sample[first]}")
    return sample


def paired_differences(treated: BySeed | Values, control: BySeed | Values) -> Array:
    """Subtract control from treated, mappings by seed and sequences by position.

    Raises:
        ValueError: Arms that cannot be paired, an empty one, or a value that is not finite.
    """
    if isinstance(treated, Mapping) and isinstance(control, Mapping):
        return np.array(list(differences_by_seed(treated, control).values()))
    if isinstance(treated, Mapping) or isinstance(control, Mapping):
        raise ValueError("paired arms must both be mappings from seed to value, or both sequences")
    first, second = sample_of("treated", treated), sample_of("control", control)
    if first.size != second.size:
        raise ValueError(f"paired arms must be equally long, not {first.size} and {second.size}")
    return np.array([difference_of(t, c) for t, c in zip(first, second, strict=True)])


def differences_by_seed(treated: BySeed, control: BySeed) -> dict[int, float]:
    """Subtract control from treated for each seed that both have, in ascending order.

    Raises:
        ValueError: No common seed, or a value that is not finite.
    """
    for name, arm in (("treated", treated), ("control", control)):
        for seed, value in arm.items():
            check_finite(f"{name}[{seed}]", value)
    common = sorted(treated.keys() & control.keys())
    if not common:
        raise ValueError("treated and control have no seed in common")
    return {seed: difference_of(treated[seed], control[seed]) for seed in common}


def difference_of(treated: float, control: float) -> float:
    """Subtract control from treated; 0 where they differ by rounding alone."""
    if math.isclose(treated, control, rel_tol=_ROUNDING):
        return 0.0
    return float(treated - control)


def is_constant(sample: Array) -> bool:
    """Whether all values of a sample, shape (n,), agree up to rounding."""
    return bool(np.ptp(sample) <= _ROUNDING * np.abs(sample).max())
