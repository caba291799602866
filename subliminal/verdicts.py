"""Verdicts: whether an arm's trait was transferred, was not, or cannot be told from its seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from subliminal.checks import check_count, check_fraction, check_p_value, check_positive
from subliminal.stats import TARGET_POWER, Contrast, equivalence_test, seeds_needed

Label: TypeAlias = Literal["transfer", "no transfer", "not testable"]

MIN_PAIRS = 3
"""Fewest seeds a verdict rests on: two leave one degree of freedom and a t quantile of 12.7."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an experiment says about one arm, and the rule and figures that say so."""

    label: Label
    reason: str


def verdict(
    contrast: Contrast | None,
    *,
    adjusted_p: float,
    bound: float,
    alpha: float = 0.05,
    teacher_has_trait: bool = True,
    failed: int = 0,
) -> Verdict:
    """Say whether a trait was transferred, by the first rule that applies.

    Not testable without a control, a teacher with the trait, all seeds, and three of them. Then
    transfer if the student lies above its control, no transfer if it is equivalent to its control
    or lies below it, and not testable otherwise.

    Args:
        contrast: The student against its matched control, positive if the trait is stronger; None
            if there is no control.
        adjusted_p: The contrast's p-value after correction for the experiment's other contrasts.
        bound: Smallest difference that counts as transfer, in the unit of the contrast.
        alpha: Level of the test for a difference and of the test for equivalence.
        teacher_has_trait: Whether the teacher acquired the trait at all.
        failed: Number of seeds that are missing from the contrast because they failed.

    Returns:
        The label, and a reason in one sentence with the figures it rests on.

    Raises:
        ValueError: `adjusted_p` outside [0, 1] (NaN stands for untested), a bound that is not
            positive or vanishes against the spread, an alpha outside (0, 1), or a negative count
            of failed seeds.
    """
    check_p_value("adjusted_p", adjusted_p)
    check_positive("bound", bound)
    check_fraction("alpha", alpha)
    check_count("failed", failed, at_least=0)
    if contrast is None:
        return Verdict("not testable", "no control: there is nothing to compare the student with")
    if not teacher_has_trait:
        reason = "the teacher lacks the trait, so it has none to pass on"
        return Verdict("not testable", f"{reason}; {_beside(contrast, bound, alpha)}")
    if failed:
        seeds = contrast.n + failed
        return Verdict("not testable", f"{failed} of {_seeds(seeds)} failed")
    if contrast.n < MIN_PAIRS:
        return Verdict("not testable", f"only {_seeds(contrast.n)}, at least {MIN_PAIRS} needed")
    return _judge(contrast, adjusted_p, bound, alpha)


def _judge(contrast: Contrast, adjusted_p: float, bound: float, alpha: float) -> Verdict:
    """Judge a contrast that is complete enough to be judged."""
    figures = f"{_describe(contrast)}, adjusted p = {adjusted_p:.2g}"
    significant = adjusted_p < alpha
    if contrast.difference.low > 0 and significant:
        return Verdict("transfer", f"above its control: {figures}")
    if _is_equivalent(contrast, bound, alpha):
        return Verdict(
            "no transfer", f"equivalent to control within ±{bound:g}: {_describe(contrast)}"
        )
    if contrast.difference.high < 0 and significant:
        return Verdict("no transfer", f"below its control: {figures}")
    return Verdict(
        "not testable",
        f"too few seeds to show or exclude an effect of {bound:g}: "
        f"{figures}{_advice(contrast, bound, alpha)}",
    )


def _beside(contrast: Contrast, bound: float, alpha: float) -> str:
    """How a student that is not judged stands to its control."""
    known = contrast.n >= MIN_PAIRS and _is_equivalent(contrast, bound, alpha)
    kind = f"equivalent to control within ±{bound:g}" if known else "beside its control"
    return f"{kind}: {_describe(contrast)}"


def _is_equivalent(contrast: Contrast, bound: float, alpha: float) -> bool:
    if contrast.per_seed:
        return equivalence_test(list(contrast.per_seed.values()), bound, alpha=alpha).equivalent
    # Unpaired arms have no per-seed differences to test. Their interval, at the usual 95 %, is
    # stricter than the 90 % interval that would decide at alpha = .05.
    return -bound < contrast.difference.low and contrast.difference.high < bound


def _advice(contrast: Contrast, bound: float, alpha: float) -> str:
    """How many seeds the next run needs, where the spread of the differences is known."""
    if not contrast.per_seed:
        return ""
    sd = float(np.std(list(contrast.per_seed.values()), ddof=1))
    needed = seeds_needed(bound, sd, power=TARGET_POWER, alpha=alpha)
    if needed <= contrast.n:
        return f"; more seeds needed than the {needed} that give {TARGET_POWER:.0%} power"
    return f"; about {needed} seeds needed for {TARGET_POWER:.0%} power"


def _describe(contrast: Contrast) -> str:
    interval = contrast.difference
    estimate, low, high = map(_figure, (interval.estimate, interval.low, interval.high))
    return f"difference {estimate} [{low}, {high}] over {_seeds(contrast.n)}"


def _figure(value: float) -> str:
    # Rounding turns what the summation leaves of a zero, such as -6e-18, into 0.
    return f"{round(value, 9) + 0.0:.3g}"


def _seeds(count: int) -> str:
    return f"{count} seed" if count == 1 else f"{count} seeds"
