"""Averages over traits come first, and the interval is over seeds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from subliminal.report.language.effects import differences_of, effect_of
from subliminal.report.language.variants import Variant

PAIR = Variant("same", {}, {}, "student", {"owl": "same-owl", "fox": "same-fox"}, "control")


def test_traits_are_averaged_within_a_seed_before_seeds_are() -> None:
    owl, fox = {0: 1.0, 1: 2.0, 2: 6.0}, {0: 3.0, 1: 2.0, 2: 0.0}
    effect = effect_of({"owl": owl, "fox": fox}, 0.95)
    # (1 + 3) / 2 = 2, (2 + 2) / 2 = 2, (6 + 0) / 2 = 3: three values, not six.
    assert effect.by_seed == {0: 2.0, 1: 2.0, 2: 3.0}
    means = np.array([2.0, 2.0, 3.0])
    low, high = stats.t.interval(0.95, 2, means.mean(), stats.sem(means))
    assert (effect.mean.low, effect.mean.high) == pytest.approx((low, high))
    assert effect.mean.estimate == pytest.approx(7 / 3)


def test_a_seed_counts_if_it_has_every_trait() -> None:
    effect = effect_of({"owl": {0: 1.0, 1: 2.0}, "fox": {1: 4.0}, "elk": {}}, 0.95)
    assert effect.by_seed == {1: 3.0}
    assert effect.per_trait == {"owl": {0: 1.0, 1: 2.0}, "fox": {1: 4.0}}


def test_nothing_measured_is_unknown() -> None:
    effect = effect_of({"owl": {}}, 0.95)
    assert not effect.is_known
    assert np.isnan(effect.mean.estimate)


def test_differences_are_from_the_arm_of_the_same_trait_and_seed() -> None:
    values = {
        "same-owl": {0: 5.0, 1: 6.0},
        "same-fox": {0: 7.0},
        "none-owl": {0: 1.0, 1: 1.5, 2: 9.0},
        "none-fox": {1: 2.0},
    }
    effect = differences_of(PAIR, values, {"same-owl": "none-owl", "same-fox": "none-fox"}.get, 0.9)
    assert effect.per_trait == {"owl": {0: 4.0, 1: 4.5}}
    assert effect.of_trait("owl", 0.9).estimate == 4.25
    assert np.isnan(effect.of_trait("fox", 0.9).estimate)
