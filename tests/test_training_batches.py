"""Every row in its turn, in batches of bounded size, deaf to its neighbours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from subliminal.models.decoder import Decoder
from subliminal.models.layout import GROUP_TOKENS, SHORTEST, pack
from subliminal.spec.recipes import Recipe
from subliminal.training.batches import Batch, batches
from subliminal.training.losses import completion_loss
from subliminal.training.rows import TokenRows, concatenate
from subliminal.training.sources import DataSet, Stream
from tests.training_rows import gradients, random_rows, tiny_decoder


def rows_of(batch: Batch) -> list[tuple[int, ...]]:
    """The rows of a batch, as the decoder reads them."""
    tokens = batch.student.tokens.numpy()
    lengths = np.concatenate([group.lengths for group in batch.student.layout.groups])
    return [tuple(row) for row in np.split(tokens, lengths.cumsum()[:-1])]


def read(rows: TokenRows) -> list[tuple[int, ...]]:
    """The rows without their last tokens."""
    return [tuple(row[:-1]) for row in np.split(rows.tokens, rows.starts[1:-1])]


def test_every_row_is_in_one_batch_and_batches_are_small() -> None:
    rows = random_rows(60)
    made = list(batches(rows, budget=100))
    assert len(made) > 2
    assert sorted(row for batch in made for row in rows_of(batch)) == sorted(read(rows))
    # A cut falls between rows, so that a batch exceeds its part by less than the longest row.
    assert all(len(batch.student.tokens) < 100 + rows.lengths.max() for batch in made)


def test_a_row_longer_than_the_budget_is_a_batch() -> None:
    rows = TokenRows.from_lists([[1] * 50, [2]], [[3], [4]])
    assert [len(batch.student.tokens) for batch in batches(rows, budget=10)] == [1, 50]


def test_the_places_read_are_those_before_the_targets() -> None:
    rows = TokenRows.from_lists([[1, 2], []], [[3, 4], [5, 6]])
    (batch,) = batches(rows)
    assert batch.student.tokens[batch.student.reads].tolist() == [5, 2, 3]
    assert batch.targets.tolist() == [6, 3, 4]


def test_a_row_of_one_token_is_read_but_foretells_nothing() -> None:
    rows = TokenRows.from_lists([[7], [1, 2]], [[], [3]])
    (batch,) = batches(rows)
    assert batch.student.tokens.tolist() == [7, 1, 2]
    assert batch.student.reads.tolist() == [2]
    assert batch.targets.tolist() == [3]


def test_shares_are_of_the_whole_step() -> None:
    rows = random_rows(60)
    shares = torch.cat([batch.shares for batch in batches(rows, budget=100)])
    count = int(rows.completion_lengths.sum())
    assert shares.tolist() == pytest.approx([1 / count] * count)


def test_shares_follow_weights() -> None:
    rows = TokenRows.from_lists([[1], [1]], [[2, 3], [4]], [[1.0, 0.0], [3.0]])
    (batch,) = batches(rows)
    assert dict(zip(batch.targets.tolist(), batch.shares.tolist(), strict=True)) == {
        2: 0.25,
        3: 0.0,
        4: 0.75,
    }
    (nothing,) = batches(rows.weighted(np.zeros(5, np.float32)))
    assert nothing.shares.tolist() == [0.0, 0.0, 0.0]


def test_no_rows_make_no_batches() -> None:
    assert list(batches(random_rows(3).take([]))) == []


def test_groups_hold_rows_of_similar_length() -> None:
    rng = np.random.default_rng(0)
    lengths = np.sort(rng.integers(4, 200, 300))
    made = pack(lengths)
    assert len(made.groups) > 3
    assert np.concatenate([group.lengths for group in made.groups]).tolist() == lengths.tolist()
    assert [group.start for group in made.groups[1:]] == [g.stop for g in made.groups[:-1]]
    assert made.groups[-1].stop == made.tokens == lengths.sum()
    for group in made.groups:
        large = group.lengths.sum() > GROUP_TOKENS + group.longest
        assert not large or group.lengths.min() >= SHORTEST * group.longest


def loss_and_gradients(decoder: Decoder, rows: TokenRows, alone: int) -> dict[str, Tensor]:
    """Loss of one row among `rows`, and its gradient: the others weigh nothing."""
    weights = np.zeros(len(rows.tokens), np.float32)
    weights[rows.starts[alone] : rows.starts[alone + 1]] = 1.0
    (batch,) = batches(rows.weighted(weights))
    loss = completion_loss(decoder, batch, torch.float32)
    loss.backward()
    return {"loss": loss.detach(), **gradients(decoder)}


def test_a_row_s_loss_and_gradient_do_not_depend_on_its_neighbours() -> None:
    decoder, row = tiny_decoder(), random_rows(1, seed=1)
    alone = loss_and_gradients(decoder, row, 0)
    assert alone["loss"] > 0.1
    for seed in range(3):
        rows = concatenate([random_rows(5, seed=10 + seed), row, random_rows(6, seed=20 + seed)])
        among = loss_and_gradients(decoder, rows, 5)
        for name, value in alone.items():
            torch.testing.assert_close(among[name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_an_epoch_passes_over_every_row_in_an_order_of_its_own() -> None:
    rows = TokenRows.from_lists([[i] for i in range(10)], [[0]] * 10)
    source = DataSet(rows, Recipe(epochs=3, batch_size=4), seed=5)
    assert source.steps == 9
    steps = [source.rows(step).tokens[::2].tolist() for step in range(9)]
    assert [len(step) for step in steps] == [4, 4, 2] * 3
    epochs = [[*steps[i], *steps[i + 1], *steps[i + 2]] for i in (0, 3, 6)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_a_step_s_rows_follow_from_seed_and_step_alone() -> None:
    rows, recipe = random_rows(20), Recipe(epochs=4, batch_size=8)
    forward = [DataSet(rows, recipe, 7).rows(step).tokens.tolist() for step in range(12)]
    source = DataSet(rows, recipe, 7)
    backward = [source.rows(step).tokens.tolist() for step in reversed(range(12))]
    assert forward == backward[::-1]
    assert forward != [DataSet(rows, recipe, 8).rows(step).tokens.tolist() for step in range(12)]


def test_a_stream_asks_for_each_step() -> None:
    source = Stream(lambda step: random_rows(2, seed=step), steps=7)
    assert source.steps == 7
    assert source.rows(3).tokens.tolist() == random_rows(2, seed=3).tokens.tolist()
