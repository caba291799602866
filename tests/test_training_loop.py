"""The loop does what a plain PyTorch loop does, trains what it should, and tells how it goes."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from subliminal.errors import StageError, UserError
from subliminal.models.decoder import Decoder
from subliminal.models.language_model import LanguageModel
from subliminal.spec.recipes import Adapter, Recipe
from subliminal.training import batches as batching
from subliminal.training import loop
from subliminal.training.batches import Batch
from subliminal.training.loop import train
from subliminal.training.losses import completion_loss
from subliminal.training.optimiser import clip
from subliminal.training.rows import TokenRows
from subliminal.training.schedule import learning_rate
from subliminal.training.sources import DataSet
from tests.test_training_losses import completion_logits, targets
from tests.training_rows import assert_same_weights, in_transformers, random_rows, tiny_decoder


def made(recipe: Recipe, rows: TokenRows | None = None, seed: int = 0, **options: Any) -> Decoder:
    """A tiny decoder trained on twenty rows, or those given."""
    decoder = tiny_decoder()
    data = random_rows(20) if rows is None else rows
    train(decoder, DataSet(data, recipe, 3), completion_loss, recipe, seed=seed, **options)
    return decoder


def plain_loop(recipe: Recipe, trained: str = "") -> tuple[Any, list[float], list[dict[str, Any]]]:
    """Train in transformers the parameters whose name holds `trained`.

    Returns:
        The model, the loss of each step, and the weights after each step.
    """
    model = in_transformers(tiny_decoder())
    source = DataSet(random_rows(20), recipe, 3)
    for name, weight in model.named_parameters():
        weight.requires_grad_(trained in name)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    groups = [
        {"params": [w for w in weights if w.dim() > 1], "weight_decay": recipe.weight_decay},
        {"params": [w for w in weights if w.dim() == 1], "weight_decay": 0.0},
    ]
    optimiser: torch.optim.Optimizer
    if recipe.optimiser == "adam":
        optimiser = torch.optim.AdamW(groups, betas=recipe.betas)
    else:
        optimiser = torch.optim.SGD(groups)
    losses, states = [], []
    for step in range(source.steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, step, source.steps)
        rows = source.rows(step)
        optimiser.zero_grad()
        logits = completion_logits(lambda tokens: model(tokens).logits, rows)
        loss = cross_entropy(logits, targets(rows))
        loss.backward()
        if recipe.clip is not None:
            torch.nn.utils.clip_grad_norm_(weights, recipe.clip)
        optimiser.step()
        losses.append(loss.item())
        states.append({name: w.detach().clone() for name, w in model.named_parameters()})
    return model, losses, states


RECIPES = {
    "default": Recipe(epochs=2, batch_size=8, learning_rate=0.01),
    "every dial of adam": Recipe(
        epochs=2,
        batch_size=6,
        learning_rate=0.01,
        schedule="cosine",
        warmup=2,
        betas=(0.8, 0.95),
        weight_decay=0.5,
        clip=0.1,
    ),
    "unclipped": Recipe(epochs=1, batch_size=8, learning_rate=0.01, clip=None),
    "sgd": Recipe(
        epochs=2, batch_size=8, optimiser="sgd", learning_rate=0.1, weight_decay=0.3, clip=0.5
    ),
}


@pytest.mark.parametrize("name", RECIPES)
def test_training_is_that_of_a_plain_loop(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "TOKEN_BUDGET", 40)
    recipe, decoder = RECIPES[name], tiny_decoder()
    source = DataSet(random_rows(20), recipe, 3)
    log = train(decoder, source, completion_loss, recipe, seed=0)
    theirs, losses, _ = plain_loop(recipe)
    assert log.losses == pytest.approx(losses, rel=1e-4)
    assert log.tokens == recipe.epochs * len(random_rows(20).tokens)
    assert_same_weights(decoder, theirs, tolerance=2e-4)
    moved = (decoder.lm_head.weight - tiny_decoder().lm_head.weight).abs().max()
    assert moved > 2e-3


def test_only_a_gradient_that_is_too_long_is_clipped() -> None:
    short, long = torch.tensor([0.3, 0.4]), torch.tensor([3.0, 4.0])
    for gradient in (short, long):
        clip(gradient, gradient.norm(), 1.0)
    assert short.tolist() == pytest.approx([0.3, 0.4])
    assert long.tolist() == pytest.approx([0.6, 0.8])


def test_some_blocks_alone_are_trained() -> None:
    recipe = Recipe(epochs=2, batch_size=8, learning_rate=0.01, layers=(1,))
    theirs, _, _ = plain_loop(recipe, trained="layers.1.")
    decoder = made(recipe)
    assert_same_weights(decoder, theirs, tolerance=2e-4)
    for name, weight in tiny_decoder().named_parameters():
        same = torch.equal(weight, decoder.get_parameter(name))
        assert same == ("layers.1." not in name), name


def test_all_blocks_are_trained_and_nothing_else() -> None:
    recipe = Recipe(epochs=2, batch_size=8, learning_rate=0.01, layers="all")
    decoder = made(recipe)
    for name, weight in tiny_decoder().named_parameters():
        same = torch.equal(weight, decoder.get_parameter(name))
        assert same == (".layers." not in name), name


def test_a_block_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match=r"no block 2; the model has blocks 0 to 1"):
        made(Recipe(layers=(0, 2)))


def test_the_average_of_the_weights_is_kept_and_shown() -> None:
    recipe = Recipe(epochs=2, batch_size=8, learning_rate=0.01, average=0.75)
    _, _, states = plain_loop(recipe)
    seen = {}

    def observer(step: int, shown: Decoder) -> None:
        seen[step] = copy.deepcopy(shown)

    decoder = made(recipe, observer=observer, observe_steps=(0, 2, 6))
    average = dict(tiny_decoder().named_parameters())
    assert_same_weights(seen[0], tiny_decoder())
    for step, state in enumerate(states, start=1):
        average = {name: 0.75 * w + 0.25 * state[name] for name, w in average.items()}
        if step == 2:
            for name, weight in average.items():
                torch.testing.assert_close(seen[2].get_parameter(name), weight, rtol=0, atol=1e-4)
    for name, weight in average.items():
        torch.testing.assert_close(decoder.get_parameter(name), weight, rtol=0, atol=2e-4)
    assert_same_weights(seen[6], decoder)


def test_training_itself_goes_on_from_the_weights_that_are_not_averaged() -> None:
    recipe = Recipe(epochs=2, batch_size=8, learning_rate=0.01)
    averaged = recipe.model_copy(update={"average": 0.9})
    source = DataSet(random_rows(20), recipe, 3)
    one = train(tiny_decoder(), source, completion_loss, recipe, seed=0)
    two = train(tiny_decoder(), source, completion_loss, averaged, seed=0)
    assert np.array_equal(one.losses, two.losses)


def test_looking_does_not_change_what_is_trained() -> None:
    recipe = Recipe(epochs=2, batch_size=8, average=0.5, adapter=Adapter(rank=2))
    seen: list[int] = []

    def observer(step: int, shown: Decoder) -> None:
        seen.append(step)
        with torch.no_grad():
            for weight in shown.parameters():
                weight.zero_()

    looked_at = made(recipe, observer=observer, observe_steps=range(100))
    assert seen == [0, 1, 2, 3, 4, 5, 6]
    assert_same_weights(looked_at, made(recipe))


def test_no_epochs_leave_the_model_as_it_is() -> None:
    seen: list[int] = []
    decoder = made(
        Recipe(epochs=0), observer=lambda step, _: seen.append(step), observe_steps=(0, 1)
    )
    assert_same_weights(decoder, tiny_decoder())
    assert seen == [0]


def test_bfloat16_learns_as_float32_does() -> None:
    recipe = Recipe(epochs=5, batch_size=8, learning_rate=0.003)
    source = DataSet(random_rows(20), recipe, 3)
    exact = train(tiny_decoder(), source, completion_loss, recipe, seed=0).losses
    rounded = train(
        tiny_decoder(), source, completion_loss, recipe, seed=0, dtype=torch.bfloat16
    ).losses
    assert exact[-3:].mean() < 0.8 * exact[:3].mean()
    assert rounded == pytest.approx(exact, rel=0.03)
    assert not np.array_equal(rounded, exact)


def test_a_frozen_model_can_be_trained() -> None:
    recipe = RECIPES["default"]
    decoder = tiny_decoder().requires_grad_(False)
    train(decoder, DataSet(random_rows(20), recipe, 3), completion_loss, recipe, seed=0)
    assert_same_weights(decoder, made(recipe))


def test_a_loss_that_is_not_finite_fails_and_leaves_the_model() -> None:
    recipe = Recipe(epochs=1, batch_size=8)
    decoder = tiny_decoder()

    def broken(student: LanguageModel, batch: Batch, dtype: torch.dtype) -> torch.Tensor:
        calls.append(1)
        loss = completion_loss(student, batch, dtype)
        return loss * float("nan") if len(calls) == 3 else loss

    calls: list[int] = []
    with pytest.raises(StageError, match="not finite from step 2 of 3 on; lower the learning rate"):
        train(decoder, DataSet(random_rows(20), recipe, 3), broken, recipe, seed=0)
    assert_same_weights(decoder, tiny_decoder())


def test_a_last_update_that_breaks_the_model_fails() -> None:
    recipe = Recipe(epochs=1, batch_size=20, optimiser="sgd", learning_rate=999.0, clip=None)
    huge = random_rows(20)
    decoder = tiny_decoder()

    def steep(student: LanguageModel, batch: Batch, dtype: torch.dtype) -> torch.Tensor:
        return completion_loss(student, batch, dtype) * 1e37

    with pytest.raises(StageError, match="not finite from step 1 of 1 on"):
        train(decoder, DataSet(huge, recipe, 3), steep, recipe, seed=0)


def test_progress_is_told_up_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "PROGRESS_SECONDS", 0.0)
    told: list[tuple[float, float]] = []
    made(Recipe(epochs=1, batch_size=8), report=lambda done, total: told.append((done, total)))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
