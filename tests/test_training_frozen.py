"""What does not learn is computed once, and nothing changes but the time it takes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from subliminal.models.decoder import Decoder
from subliminal.ranks import ALONE
from subliminal.spec.recipes import Adapter, Recipe
from subliminal.stage import Cancelled, silent
from subliminal.training import frozen
from subliminal.training.batches import batches
from subliminal.training.frozen import frozen_blocks, repeated_rows
from subliminal.training.learner import DecoderLearner
from subliminal.training.loop import train
from subliminal.training.losses import Loss, TeacherDivergence, completion_loss
from subliminal.training.rows import TokenRows
from subliminal.training.sources import DataSet, Stream
from tests.training_rows import assert_same_weights, random_rows, tiny_decoder

LATE = Recipe(
    epochs=3,
    batch_size=8,
    learning_rate=0.02,
    adapter=Adapter(rank=2, matrices=("o_proj", "down_proj"), layers=(1,), freeze_a=True),
)
LAST_BLOCK = Recipe(epochs=2, batch_size=8, layers=(1,))


def trained(recipe: Recipe, loss: Loss = completion_loss) -> Decoder:
    decoder = tiny_decoder()
    train(decoder, DataSet(random_rows(20), recipe, 3), loss, recipe, seed=0)
    return decoder


@pytest.mark.parametrize("recipe", [LATE, LAST_BLOCK])
def test_training_is_the_same_with_and_without_memory(
    monkeypatch: pytest.MonkeyPatch, recipe: Recipe
) -> None:
    with_memory = trained(recipe)
    monkeypatch.setattr(frozen, "REMEMBERED_BYTES", 0)
    without = trained(recipe)
    assert_same_weights(with_memory, without, tolerance=1e-5)
    name = "model.layers.1.mlp.down_proj.weight"
    change = with_memory.get_parameter(name) - tiny_decoder().get_parameter(name)
    assert change.abs().max() > 1e-3


def test_frozen_blocks_run_once_however_many_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0
    embeddings = torch.nn.Embedding.forward

    def counting(self: torch.nn.Embedding, tokens: torch.Tensor) -> torch.Tensor:
        nonlocal read
        read += tokens.numel()
        return embeddings(self, tokens)

    monkeypatch.setattr(torch.nn.Embedding, "forward", counting)
    trained(LATE)
    rows = random_rows(20)
    assert read == len(rows.tokens) - len(rows)


def learner(recipe: Recipe) -> Decoder:
    return DecoderLearner(tiny_decoder(), recipe, 0, ALONE).model


def test_nothing_is_remembered_where_nothing_is_gained() -> None:
    rows = random_rows(20)
    late, whole = learner(LATE), learner(Recipe(epochs=3))
    assert frozen_blocks(late, DataSet(rows, LATE, 0), torch.float32, silent) is not None
    assert frozen_blocks(whole, DataSet(rows, LATE, 0), torch.float32, silent) is None
    once = LATE.model_copy(update={"epochs": 1})
    assert frozen_blocks(late, DataSet(rows, once, 0), torch.float32, silent) is None
    assert frozen_blocks(late, Stream(lambda step: rows, 3), torch.float32, silent) is None


def test_a_pass_that_begins_at_a_block_ends_as_the_whole_one() -> None:
    rows, decoder = random_rows(9), learner(LATE)
    source = DataSet(rows, LATE, 0)
    known = frozen_blocks(decoder, source, torch.float32, silent)
    assert known is not None
    assert known.block == 1
    plain = next(batches(source.rows(0)))
    short = next(batches(source.rows(0), known=known))
    assert plain.student.entry is None
    assert short.student.entry is not None
    assert short.teacher.entry is None
    assert completion_loss(decoder, short, torch.float32).item() == pytest.approx(
        completion_loss(decoder, plain, torch.float32).item(), rel=1e-5
    )


def split(rows: TokenRows) -> list[list[int]]:
    """The tokens of each row."""
    return [part.tolist() for part in np.split(rows.tokens, rows.starts[1:-1])]


@pytest.mark.parametrize("prompted", [False, True])
def test_a_teacher_that_has_read_the_rows_wants_the_same(prompted: bool) -> None:
    rows, teacher = random_rows(20), TeacherDivergence(tiny_decoder(seed=1))
    if prompted:
        behind = [
            [7, 8, 9, *row[:n]] for row, n in zip(split(rows), rows.prompt_lengths, strict=True)
        ]
        ends = [row[n:] for row, n in zip(split(rows), rows.prompt_lengths, strict=True)]
        rows = rows.taught_with(TokenRows.from_lists(behind, ends))
    source = DataSet(rows, LATE, 0)
    assert repeated_rows(source, 32, torch.float32) is rows
    knowing = teacher.remembering(source, torch.float32, silent)
    student = tiny_decoder()
    for step in range(source.steps):
        for batch in batches(source.rows(step)):
            assert knowing(student, batch, torch.float32).item() == pytest.approx(
                teacher(student, batch, torch.float32).item(), rel=1e-4
            )
    # It does not ask its decoder any more.
    with torch.no_grad():
        for weight in teacher.teacher.blocks.parameters():
            weight.fill_(float("nan"))
    batch = next(batches(source.rows(0)))
    assert knowing(student, batch, torch.float32).isfinite()
    assert not teacher(student, batch, torch.float32).isfinite()


def cancelled(done: float, total: float) -> None:
    raise Cancelled


def test_what_is_computed_once_can_be_cancelled() -> None:
    source = DataSet(random_rows(20), LATE, 0)
    with pytest.raises(Cancelled):
        frozen_blocks(learner(LATE), source, torch.float32, cancelled)
    with pytest.raises(Cancelled):
        TeacherDivergence(tiny_decoder(1)).remembering(source, torch.float32, cancelled)
