"""The one-sample t-test, also where libraries give NaN: without spread, or for large effects."""

from __future__ import annotations

import math

from scipy import stats

from subliminal.samples import Array, is_constant

_MAX_NONCENTRALITY = 1e15
"""Power is 1 far below this; scipy's noncentral F gives NaN somewhat above it."""


def t_test_p(sample: Array) -> float:
    """Two-sided p-value for a zero mean of a sample, shape (n,).

    Returns:
        The p-value; NaN for one value. If all values agree it takes its limit, 1 for zeros and
        otherwise 0.
    """
    if sample.size < 2:
        return math.nan
    if is_constant(sample):
        return float(sample[0] == 0)
    return float(stats.ttest_1samp(sample, 0.0).pvalue)


def t_test_power(effect: float, sd: float, n: int, alpha: float) -> float:
    """Probability that the two-sided test of `n` values at level alpha detects a mean of `effect`.

    Args:
        effect: The true mean.
        sd: Standard deviation of the values, at least 0, in the unit of the effect.
        n: Number of values, at least 2.
        alpha: Two-sided level.

    Returns:
        The power: alpha for no effect, 1 for any other without a spread.
    """
    if effect == 0:
        return alpha
    ratio = math.inf if sd == 0 else effect / sd
    critical = float(stats.t.isf(alpha / 2, n - 1))
    # A squared noncentral t is a noncentral F. The two tails of the noncentral t itself, which
    # statsmodels' TTestPower adds up, are NaN for effects of a few standard deviations.
    return float(
        stats.ncf.sf(critical**2, 1.0, n - 1.0, min(n * ratio * ratio, _MAX_NONCENTRALITY))
    )
