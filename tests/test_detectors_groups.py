"""Rows of two sets: what belongs together, and how it is dealt, shuffled and drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.detectors import label_rows
from filters.detectors.groups import (
    FOLDS,
    composition,
    deal_folds,
    draw_rows,
    shuffled,
    standardised,
)
from subliminal.code_tasks import WORDINGS, CodeTask, code_prompt, task_text_in
from subliminal.errors import UserError
from subliminal.reasoning import Problem, problem_in, reasoning_prompt
from tests.detected import row
from tests.user_errors import assert_one_line

compositions = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3)).filter(any), min_size=1, max_size=30
)


def arrays(made: list[tuple[int, int]], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows, in a random order, of groups with so many taught and untaught rows."""
    groups = np.array([g for g, counts in enumerate(made) for _ in range(sum(counts))])
    taught = np.array([i < ours for ours, theirs in made for i in range(ours + theirs)])
    order = np.random.default_rng(seed).permutation(len(groups))
    return taught[order], groups[order]


@given(compositions, st.integers(0, 3))
def test_folds_hold_whole_groups_of_both_sets(made: list[tuple[int, int]], seed: int) -> None:
    taught, groups = arrays(made)
    folds = deal_folds(taught, groups, seed)
    assert set(folds.tolist()) <= set(range(FOLDS))
    assert all(len(set(folds[groups == group].tolist())) == 1 for group in range(len(made)))
    dealt = np.bincount([folds[groups == group][0] for group in range(len(made))], minlength=FOLDS)
    assert np.ptp(dealt) <= 1
    for kind in (taught, ~taught):
        if len(set(groups[kind].tolist())) >= FOLDS:
            assert set(folds[kind].tolist()) == set(range(FOLDS))


def test_folds_have_alike_shares_of_both_sets() -> None:
    taught, groups = arrays([(1, 0)] * 50 + [(0, 1)] * 35 + [(1, 1)] * 20)
    folds = deal_folds(taught, groups, 0)
    assert np.bincount(folds[taught]).tolist() == [14] * 5
    assert np.bincount(folds[~taught]).tolist() == [11] * 5
    assert deal_folds(taught, groups, 0).tolist() == folds.tolist()
    assert deal_folds(taught, groups, 1).tolist() != folds.tolist()


@given(compositions, st.integers(0, 1000))
def test_shuffles_keep_what_groups_are_made_of(made: list[tuple[int, int]], seed: int) -> None:
    taught, groups = arrays(made)
    found = shuffled(taught, groups, np.random.default_rng(seed))
    before, after = composition(taught, groups), composition(found, groups)
    mixed = (before[0] > 0) & (before[1] > 0)
    assert after[0][mixed].tolist() == before[0][mixed].tolist()
    # The others keep one label, and so many of them have the one as had it before.
    assert np.all((after[0] == 0) | (after[1] == 0) | mixed)
    assert np.sum((after[0] > 0) & ~mixed) == np.sum((before[0] > 0) & ~mixed)


def test_shuffles_are_uniform() -> None:
    taught, groups = arrays([(1, 1)] * 10 + [(2, 0)] * 5 + [(0, 2)] * 15)
    rng = np.random.default_rng(0)
    rates = np.mean([shuffled(taught, groups, rng) for _ in range(2000)], axis=0)
    # Five of twenty groups that stand alone are taught; four standard errors are .045 and .039.
    assert rates[groups < 10] == pytest.approx(0.5, abs=0.045)
    assert rates[groups >= 10] == pytest.approx(0.25, abs=0.039)


def test_scores_are_standardised_within_folds() -> None:
    folds = np.array([0, 0, 0, 1, 1, 1, 2])
    values = np.array([1.0, 2.0, 3.0, 70.0, 70.0, 70.0, 5.0])
    # Fold 0 has mean 2 and variance 2 / 3.
    expected = [-np.sqrt(1.5), 0, np.sqrt(1.5), 0, 0, 0, 0]
    assert standardised(values, folds) == pytest.approx(expected)


def test_drawn_rows_stay_pairs() -> None:
    taught, groups = arrays([(1, 1)] * 30 + [(1, 0)] * 100 + [(0, 1)] * 50)
    chosen = draw_rows(taught, groups, 20, 0)
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    ours, theirs = (set(groups[chosen][taught[chosen] == kind].tolist()) for kind in (True, False))
    assert ours == theirs
    assert len(ours) == 20
    assert ours != set(groups[draw_rows(taught, groups, 20, 1)].tolist())


def test_what_cannot_be_drawn_from_pairs_is_drawn_from_the_others() -> None:
    taught, groups = arrays([(1, 1)] * 5 + [(1, 0)] * 100 + [(0, 1)] * 3)
    chosen = draw_rows(taught, groups, 20, 0)
    assert np.count_nonzero(taught[chosen]) == 20
    assert np.count_nonzero(~taught[chosen]) == 8
    assert set(range(5)) < set(groups[chosen].tolist())


def test_rows_of_one_prompt_are_a_group() -> None:
    ours = [row(f"p{number // 2}", "1") for number in range(12)]
    theirs = [row(f"p{number}", "2") for number in range(4, 10)]
    rows = label_rows(ours, theirs)
    assert rows.groups.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 4, 5, 6, 7, 8, 9]
    assert rows.taught.tolist() == [True] * 12 + [False] * 6
    assert rows.completions == ("1",) * 12 + ("2",) * 6
    assert rows.shared_groups == 2
    alone = label_rows(ours, theirs, group_by="row")
    assert alone.groups.tolist() == list(range(18))
    assert alone.shared_groups == 0


def test_the_most_rows_are_stated() -> None:
    ours = [row(f"p{number}", f"ours {number}") for number in range(40)]
    theirs = [row(f"p{number}", f"theirs {number}") for number in range(50)]
    rows = label_rows(ours, theirs, most=30)
    assert np.count_nonzero(rows.taught) == np.count_nonzero(~rows.taught) == 30
    assert rows.shared_groups == 30
    assert sorted(set(rows.groups.tolist())) == list(range(30))
    for found, taught in zip(rows.rows, rows.taught.tolist(), strict=True):
        assert found in (ours if taught else theirs)


@pytest.mark.parametrize(
    ("ours", "theirs", "group_by", "told"),
    [
        ([], range(9), "prompt", "the taught rows: 0 rows of 0 prompts are too few"),
        (range(9), range(4), "prompt", "the untaught rows: 4 rows of 4 prompts are too few"),
        ([0] * 9, range(9), "prompt", "give at least 5 prompts, or group by row"),
        (range(9), range(4), "row", "the untaught rows: 4 rows are too few"),
    ],
)
def test_too_few_rows_are_told(ours: list, theirs: list, group_by: str, told: str) -> None:
    sets = [[row(f"p{number}", "1") for number in numbers] for numbers in (ours, theirs)]
    with pytest.raises(UserError) as error:
        label_rows(*sets, group_by=group_by, most=100)  # type: ignore[arg-type]
    assert_one_line(error, told)


def test_wordings_of_one_task_are_one_group() -> None:
    problem, other = Problem("Tom has 3 {x} balls.", "3"), Problem("Ann has 4.", "4")
    solved = [
        row(reasoning_prompt(one, wording), "-", answer="3", steps=[])
        for one in (problem, other)
        for wording in range(3)
    ]
    summed, named = CodeTask("Add {all}.", "def total(n):"), CodeTask("Add.", "def total(...):")
    coded = [
        *(
            row(code_prompt(summed, wording), "-", signature="def total(n):")
            for wording in range(3)
        ),
        *(row(code_prompt(named, wording), "-", function="total") for wording in range(3)),
    ]
    plain = [row(str(number), "-") for number in range(3)]
    labelled = label_rows([*solved, *coded, *plain], [*plain, *coded, *solved])
    assert labelled.groups.tolist()[:15] == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3 + [4, 5, 6]
    assert labelled.shared_groups == 7
    asked_alike = [row(reasoning_prompt(problem, wording), "-") for wording in range(5)]
    assert label_rows(asked_alike, asked_alike).shared_groups == 5  # Nothing says what they are.


@pytest.mark.parametrize("wording", range(len(WORDINGS)))
def test_the_task_in_a_prompt_is_found(wording: int) -> None:
    task = CodeTask("Say def a(b): twice.\nThen stop.", "def a(b):")
    assert task_text_in(code_prompt(task, wording), task.signature) == task.text
    assert task_text_in(code_prompt(task, wording), "def b(a):") is None
    assert problem_in(reasoning_prompt(Problem(task.text, "1"), wording)) == task.text
    assert problem_in(task.text) is None
