"""What a variant's arms show together: means over traits within a seed, intervals over seeds.

The unit is the seed. A trait is no independent sample of anything: the traits of an experiment were
chosen, and share the seed's reference, prompts and order of rows. So values are averaged over the
traits within each seed first, and the interval is that of these averages over seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from subliminal.report.labels import known
from subliminal.report.language.variants import Variant
from subliminal.results import Summary
from subliminal.samples import difference_of
from subliminal.stats import Interval, t_interval

BySeed = Mapping[int, float]
ByArm = Mapping[str, BySeed]
"""Arm -> seed -> the value of one probe and metric; unknown values are absent."""

UNKNOWN = Interval(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Effect:
    """One quantity of a variant: of each trait and seed, and on average."""

    per_trait: Mapping[str, BySeed]
    """Trait -> seed -> value, without traits that have no value at all."""
    by_seed: BySeed
    """Mean over the traits, of the seeds that have a value of each of them."""
    mean: Interval
    """Of `by_seed`."""

    @property
    def is_known(self) -> bool:
        """Whether any seed has a value of every trait."""
        return bool(self.by_seed)

    def of_trait(self, trait: str, confidence: float) -> Interval:
        """Mean of one trait over its seeds, with its interval; NaN without a value."""
        values = list(self.per_trait.get(trait, {}).values())
        return t_interval(values, confidence=confidence) if values else UNKNOWN


def by_arm(rows: Iterable[Summary]) -> dict[str, dict[int, float]]:
    """Arm -> seed -> value of summary rows, all of one probe and metric."""
    return {
        row.arm: {seed: value for seed, value in row.per_seed.items() if known(value)}
        for row in rows
    }


def values_of(variant: Variant, values: ByArm, confidence: float) -> Effect:
    """The values of a variant's arms as they are."""
    return effect_of({t: values.get(arm, {}) for t, arm in variant.arms.items()}, confidence)


def differences_of(
    variant: Variant, values: ByArm, other_of: Callable[[str], str | None], confidence: float
) -> Effect:
    """How far a variant's arms lie from other arms, seed by seed.

    Args:
        variant: Whose arms.
        values: Of all arms.
        other_of: Arm -> the arm that it is compared with, as its control or its reference.
        confidence: Coverage of the interval over seeds.
    """
    per_trait = {}
    for trait, arm in variant.arms.items():
        own, other = values.get(arm, {}), values.get(other_of(arm) or "", {})
        common = sorted(own.keys() & other.keys())
        per_trait[trait] = {seed: difference_of(own[seed], other[seed]) for seed in common}
    return effect_of(per_trait, confidence)


def effect_of(per_trait: Mapping[str, BySeed], confidence: float) -> Effect:
    """Average over the traits within each seed, then over seeds.

    A seed that lacks a trait which others have counts for that trait's neighbours alone: a mean
    over fewer traits would move for that reason, and look like a difference between seeds.
    """
    measured = {trait: values for trait, values in per_trait.items() if values}
    seeds = set.intersection(*(set(values) for values in measured.values())) if measured else set()
    means = {
        seed: math.fsum(values[seed] for values in measured.values()) / len(measured)
        for seed in sorted(seeds)
    }
    mean = t_interval(list(means.values()), confidence=confidence) if means else UNKNOWN
    return Effect(measured, means, mean)
