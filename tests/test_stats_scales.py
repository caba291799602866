"""Scales on which arms are compared: log odds and the share of the teacher's shift."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subliminal.stats import log_odds, share_of_shift

# Degenerate data must be handled, not left to warn from inside a library.
pytestmark = pytest.mark.filterwarnings("error")


class TestScales:
    def test_log_odds_values(self) -> None:
        assert log_odds(0.5) == 0
        assert log_odds(0.75) == pytest.approx(math.log(3))
        # Clipped at epsilon: log(1e-6 / (1 - 1e-6)) = -13.815510 + .000001.
        assert log_odds(0) == pytest.approx(-13.815510, abs=2e-6)
        assert log_odds(1) == pytest.approx(13.815510, abs=2e-6)
        assert log_odds(0, epsilon=0.1) == pytest.approx(-math.log(9))

    @given(st.floats(0, 1), st.floats(0, 1))
    def test_log_odds_are_odd_about_half_and_monotone(self, p: float, q: float) -> None:
        assert log_odds(p) == pytest.approx(-log_odds(1 - p), abs=1e-8)
        if p <= q:
            assert log_odds(p) <= log_odds(q)

    @pytest.mark.parametrize(
        ("student", "share"), [(1.0, 0.0), (3.0, 0.5), (5.0, 1.0), (0.0, -0.25), (6.0, 1.25)]
    )
    def test_share_of_shift(self, student: float, share: float) -> None:
        # Reference 1, teacher 5: the teacher moved by 4.
        assert share_of_shift(student, 1, 5) == share

    def test_share_of_a_downward_shift(self) -> None:
        assert share_of_shift(3, 5, 1) == 0.5

    def test_no_share_of_a_teacher_that_did_not_move(self) -> None:
        assert math.isnan(share_of_shift(3, 1, 1))
        assert math.isnan(share_of_shift(3, 1, 1 + 1e-9))
        assert math.isnan(share_of_shift(3, 1, 1.5, tolerance=1))
        assert math.isnan(share_of_shift(3, 1, 1, tolerance=0))
