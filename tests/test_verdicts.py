"""Verdicts: the rule that applies first decides, and its reason gives the figures it rests on."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from subliminal.stats import (
    Contrast,
    equivalence_test,
    paired_contrast,
    seeds_needed,
    unpaired_contrast,
)
from subliminal.verdicts import verdict

# Degenerate data must be handled, not left to warn from inside a library.
pytestmark = pytest.mark.filterwarnings("error")

# Multiples of 1/64 keep sums exact, so that properties hold without tolerances for rounding.
VALUE = st.integers(-6400, 6400).map(lambda k: k / 64)


def contrast_of(*differences: float) -> Contrast:
    treated = dict(enumerate(differences))
    return paired_contrast(treated, dict.fromkeys(treated, 0.0))


# Interval of 1, 2, 3, 4, 5: 3 +- t(.975; 4 df) sqrt(2.5/5) = 3 +- 2.776 * .7071 = 3 +- 1.963.
HIGH = contrast_of(1, 2, 3, 4, 5)
LOW = contrast_of(-1, -2, -3, -4, -5)
FLAT = contrast_of(-0.2, -0.1, 0, 0.1, 0.2)
VAGUE = contrast_of(-4, -1, 0, 3, 5)


def test_no_control() -> None:
    found = verdict(None, adjusted_p=0.001, bound=1, teacher_has_trait=False, failed=2)
    assert found.label == "not testable"
    assert "no control" in found.reason


def test_teacher_without_trait() -> None:
    found = verdict(HIGH, adjusted_p=0.001, bound=1, teacher_has_trait=False, failed=2)
    assert found.label == "not testable"
    assert found.reason == (
        "the teacher lacks the trait, so it has none to pass on; beside its control: "
        "difference 3 [1.04, 4.96] over 5 seeds"
    )


def test_teacher_without_trait_whose_student_is_its_control() -> None:
    found = verdict(FLAT, adjusted_p=1.0, bound=1, teacher_has_trait=False)
    assert found.label == "not testable"
    assert "none to pass on; equivalent to control within ±1: difference 0 [" in found.reason


def test_failed_seeds() -> None:
    found = verdict(HIGH, adjusted_p=0.001, bound=1, failed=2)
    assert found.label == "not testable"
    assert "2 of 7 seeds failed" in found.reason


def test_too_few_pairs() -> None:
    found = verdict(contrast_of(5, 5.1), adjusted_p=0.001, bound=1)
    assert found.label == "not testable"
    assert "only 2 seeds, at least 3 needed" in found.reason


def test_transfer() -> None:
    found = verdict(HIGH, adjusted_p=0.012, bound=1)
    assert found.label == "transfer"
    assert found.reason == (
        "above its control: difference 3 [1.04, 4.96] over 5 seeds, adjusted p = 0.012"
    )


def test_transfer_needs_the_adjusted_p() -> None:
    found = verdict(HIGH, adjusted_p=0.051, bound=1)
    assert found.label == "not testable"
    assert verdict(HIGH, adjusted_p=0.051, bound=1, alpha=0.06).label == "transfer"
    assert verdict(HIGH, adjusted_p=math.nan, bound=1).label == "not testable"


def test_equivalent_to_control() -> None:
    found = verdict(FLAT, adjusted_p=1, bound=0.5)
    assert found.label == "no transfer"
    # sd = sqrt(.1/4) = .158, half-width 2.776 * .158/sqrt(5) = .196.
    assert found.reason == (
        "equivalent to control within ±0.5: difference 0 [-0.196, 0.196] over 5 seeds"
    )


def test_equivalence_is_tested_at_alpha() -> None:
    p_value = equivalence_test(list(FLAT.per_seed.values()), 0.5).p_value
    strict = verdict(FLAT, adjusted_p=1, bound=0.5, alpha=p_value / 2)
    assert strict.label == "not testable"


def test_a_sure_effect_within_the_bound_is_still_transfer() -> None:
    assert verdict(HIGH, adjusted_p=0.001, bound=10).label == "transfer"
    assert verdict(HIGH, adjusted_p=0.2, bound=10).label == "no transfer"


def test_below_control() -> None:
    found = verdict(LOW, adjusted_p=0.013, bound=1)
    assert found.label == "no transfer"
    assert found.reason.startswith("below its control: difference -3 [-4.96, -1.04]")
    assert verdict(LOW, adjusted_p=0.3, bound=1).label == "not testable"


def test_too_few_seeds_says_how_many() -> None:
    found = verdict(VAGUE, adjusted_p=0.7, bound=1)
    needed = seeds_needed(1, float(np.std([-4, -1, 0, 3, 5], ddof=1)))
    assert found.label == "not testable"
    assert "too few seeds to show or exclude an effect of 1" in found.reason
    assert f"about {needed} seeds needed for 80% power" in found.reason


def test_never_advises_fewer_seeds_than_were_run() -> None:
    # sd 1.49 against 1.9 needs 8 seeds. Ten were run, but their mean of 1.5 is too near 1.9.
    contrast = contrast_of(*[1.5 + offset for offset in (-2, -1, 0, 1, 2)] * 2)
    found = verdict(contrast, adjusted_p=0.2, bound=1.9)
    needed = seeds_needed(1.9, float(np.std(list(contrast.per_seed.values()), ddof=1)))
    assert needed < 10
    assert found.label == "not testable"
    assert f"more seeds needed than the {needed} that give 80% power" in found.reason


def test_unpaired_contrasts() -> None:
    level = [0.0, 0.1, -0.1, 0.05]
    raised = [value + 3 for value in level]
    assert verdict(unpaired_contrast(raised, level), adjusted_p=0.01, bound=1).label == "transfer"
    same = unpaired_contrast(level, level[::-1])
    assert verdict(same, adjusted_p=1, bound=1).label == "no transfer"
    assert verdict(same, adjusted_p=1, bound=0.01).label == "not testable"
    lowered = unpaired_contrast(level, raised)
    assert verdict(lowered, adjusted_p=0.3, bound=1).label == "not testable"


@given(
    st.lists(VALUE, min_size=3, max_size=8),
    st.floats(0, 1),
    VALUE.filter(lambda v: v > 0),
)
def test_always_one_label_with_a_one_line_reason(
    differences: list[float], adjusted_p: float, bound: float
) -> None:
    found = verdict(contrast_of(*differences), adjusted_p=adjusted_p, bound=bound)
    assert found.label in {"transfer", "no transfer", "not testable"}
    assert "\n" not in found.reason
    if found.label == "transfer":
        assert np.mean(differences) > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: verdict(None, adjusted_p=2, bound=1), "adjusted_p must be a p-value"),
        (lambda: verdict(None, adjusted_p=0.5, bound=-1), "bound must be a positive number"),
        (lambda: verdict(None, adjusted_p=0.5, bound=1, alpha=1), "alpha must lie between"),
        (lambda: verdict(None, adjusted_p=0.5, bound=1, failed=-1), "failed must be a whole"),
    ],
)
def test_bad_arguments_are_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
