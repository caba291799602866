"""Rows of tokens: what they hold, what the loss falls on, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from subliminal.training.rows import TokenRows, concatenate


def three() -> TokenRows:
    """Rows 1 2 | 3 4, | 5 6 and 7 | (a bar before each completion)."""
    return TokenRows.from_lists(
        [[1, 2], [], [7]], [[3, 4], [5, 6], []], [[0.5, 2.0], [1.0, 3.0], []]
    )


def contents(rows: TokenRows) -> list[tuple[list[int], int, list[float]]]:
    weights = np.zeros(0) if rows.weights is None else rows.weights
    return [
        (rows.tokens[a:b].tolist(), int(prompt), weights[a:b].tolist())
        for a, b, prompt in zip(rows.starts, rows.starts[1:], rows.prompt_lengths, strict=False)
    ]


def test_prompts_and_completions_are_joined() -> None:
    rows = three()
    assert len(rows) == 3
    assert contents(rows) == [
        ([1, 2, 3, 4], 2, [0.0, 0.0, 0.5, 2.0]),
        ([5, 6], 0, [1.0, 3.0]),
        ([7], 1, [0.0]),
    ]
    assert rows.lengths.tolist() == [4, 2, 1]
    assert (rows.tokens.dtype, rows.starts.dtype, rows.prompt_lengths.dtype) == (
        np.int32,
        np.int64,
        np.int32,
    )


def test_the_loss_falls_on_completions_but_never_on_a_first_token() -> None:
    rows = three()
    assert rows.tokens[rows.counted()].tolist() == [3, 4, 6]
    assert rows.completion_lengths.tolist() == [2, 1, 0]


def test_rows_are_taken_in_any_order_with_all_they_have() -> None:
    teacher = TokenRows.from_lists([[9], [8, 8], [7]], [[3, 4], [6], []])
    rows = three().taught_with(teacher).take([2, 0, 0])
    expected = contents(three())
    assert contents(rows) == [expected[2], expected[0], expected[0]]
    assert rows.teacher is not None
    assert rows.teacher.tokens.tolist() == [7, 9, 3, 4, 9, 3, 4]


def test_no_row_taken() -> None:
    rows = three().take([])
    assert len(rows) == 0
    assert rows.counted().tolist() == []


def test_rows_are_put_behind_one_another() -> None:
    rows = concatenate([three().take([0]), three().take([1, 2])])
    assert contents(rows) == contents(three())
    assert len(concatenate([])) == 0


def test_a_teacher_s_rows_are_put_behind_one_another_too() -> None:
    plain = TokenRows.from_lists([[1]], [[2]])
    taught = plain.taught_with(TokenRows.from_lists([[5, 6]], [[2]]))
    rows = concatenate([taught, taught])
    assert rows.teacher is not None
    assert rows.teacher.tokens.tolist() == [5, 6, 2, 5, 6, 2]
    with pytest.raises(ValueError, match="all parts or for none"):
        concatenate([taught, plain])


def test_weights_of_all_tokens_can_be_given() -> None:
    weights = np.arange(7, dtype=np.float32)
    assert contents(three().weighted(weights))[1] == ([5, 6], 0, [4.0, 5.0])


def one(
    tokens: list[int], starts: list[int], prompts: list[int], weights: int | None = None
) -> TokenRows:
    return TokenRows(
        np.array(tokens, np.int32),
        np.array(starts, np.int64),
        np.array(prompts, np.int32),
        None if weights is None else np.ones(weights, np.float32),
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: one([1, 2], [0, 2], [1, 1]), "one more entry"),
        (lambda: one([1, 2], [1, 2], [1]), "begin with 0"),
        (lambda: one([1, 2], [0, 1], [1]), "end with their number"),
        (lambda: one([1, 2], [0, 2, 2], [1, 0]), "every row needs a token"),
        (lambda: one([1, 2], [0, 2], [3]), "longer than its row"),
        (lambda: one([1, 2], [0, 2], [-1]), "longer than its row"),
        (lambda: one([1, 2], [0, 2], [1], weights=3), "one number for each token"),
        (lambda: TokenRows.from_lists([[1]], [[2, 3]], [[1.0]]), "of each completion"),
        (lambda: TokenRows.from_lists([[]], [[]]), "every row needs a token"),
        (
            lambda: three().taught_with(TokenRows.from_lists([[1]] * 3, [[3, 4], [6], [7]])),
            "other lengths",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make: Callable[[], TokenRows], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
