"""Low-rank adaptation: the function and the steps of peft, merged into plain weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from subliminal.errors import UserError
from subliminal.models.decoder import Decoder
from subliminal.seeds import derive_seed
from subliminal.spec.recipes import Adapter, Matrix, Recipe
from subliminal.training.adapter import LowRank, adapt
from subliminal.training.loop import train
from subliminal.training.losses import completion_loss
from subliminal.training.sources import DataSet
from tests.test_training_losses import completion_logits, targets
from tests.training_rows import assert_same_weights, in_transformers, random_rows, tiny_decoder

QUERIES: tuple[Matrix, ...] = ("q_proj", "down_proj")


def recipe_of(adapter: Adapter) -> Recipe:
    return Recipe(epochs=2, batch_size=8, learning_rate=0.02, schedule="constant", adapter=adapter)


def trained(adapter: Adapter, seed: int = 0) -> Decoder:
    recipe, decoder = recipe_of(adapter), tiny_decoder()
    train(decoder, DataSet(random_rows(20), recipe, 3), completion_loss, recipe, seed=seed)
    return decoder


def test_an_adapted_model_begins_as_it_was() -> None:
    decoder, tokens = tiny_decoder(), torch.arange(12).view(2, 6)
    expected = decoder.hidden(tokens)
    names = [name for name, _ in adapt(decoder, Adapter(rank=2), seed=0)]
    torch.testing.assert_close(decoder.hidden(tokens), expected)
    # Two blocks of seven matrices, each with two thin ones.
    assert len(names) == len(set(names)) == 28


def test_the_first_factor_is_drawn_from_the_seed_alone() -> None:
    def drawn(seed: int) -> list[torch.Tensor]:
        return [
            weight for name, weight in adapt(tiny_decoder(), Adapter(), seed) if name[-1] == "a"
        ]

    one, same, other = drawn(0), drawn(0), drawn(1)
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert len({weight.flatten()[0].item() for weight in one}) == len(one)
    # Uniform on +-1/sqrt(inputs): the largest of 8 x 32 draws is close to the bound.
    assert one[0].abs().max().item() == pytest.approx(32**-0.5, rel=0.05)


def test_only_the_chosen_matrices_change_and_by_a_low_rank() -> None:
    before, after = tiny_decoder(), trained(Adapter(rank=3, matrices=QUERIES))
    for name, weight in after.named_parameters():
        change = (weight - before.get_parameter(name)).detach()
        if any(chosen in name for chosen in QUERIES):
            sizes = torch.linalg.svdvals(change)
            assert sizes[2] > 1e-4
            assert sizes[3] < 1e-5
        else:
            assert not change.any(), name


def test_what_is_left_is_a_plain_decoder() -> None:
    assert trained(Adapter()).state_dict().keys() == tiny_decoder().state_dict().keys()


def test_the_scale_is_alpha_over_rank() -> None:
    low_rank = LowRank(torch.zeros(4, 3), Adapter(rank=2, alpha=10.0), seed=0)
    with torch.no_grad():
        low_rank.b.fill_(1.0)
    # Each entry of B A is the sum over the 2 rows of A; the scale is 10 / 2.
    expected = 5.0 * low_rank.a.sum(0).expand(4, 3)
    torch.testing.assert_close(low_rank(torch.zeros(4, 3)), expected)


def test_training_is_that_of_peft() -> None:
    peft = pytest.importorskip("peft")
    adapter = Adapter(rank=4, alpha=6.0)
    recipe = recipe_of(adapter)
    config = peft.LoraConfig(
        r=4, lora_alpha=6.0, target_modules=list(adapter.matrices), lora_dropout=0.0, bias="none"
    )
    theirs = peft.get_peft_model(in_transformers(tiny_decoder()), config)
    copy_factors(theirs, dict(adapt(tiny_decoder(), adapter, seed=0)))
    weights = [weight for weight in theirs.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=0.02, weight_decay=0.0)
    source = DataSet(random_rows(20), recipe, 3)
    for step in range(source.steps):
        rows = source.rows(step)
        optimiser.zero_grad()
        logits = completion_logits(lambda tokens: theirs(tokens).logits, rows)
        cross_entropy(logits, targets(rows)).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
    ours, name = trained(adapter), "model.layers.1.mlp.up_proj.weight"
    assert (ours.get_parameter(name) - tiny_decoder().get_parameter(name)).abs().max() > 0.01
    assert_same_weights(ours, theirs.merge_and_unload(), tolerance=1e-3)


def copy_factors(theirs: Any, ours: dict[str, torch.nn.Parameter]) -> None:
    """Let peft begin from our factors."""
    with torch.no_grad():
        for name, module in theirs.named_modules():
            if hasattr(module, "lora_A"):
                plain = name.removeprefix("base_model.model.")
                module.lora_A["default"].weight.copy_(ours[f"{plain}.a"])
                module.lora_B["default"].weight.copy_(ours[f"{plain}.b"])


def test_a_frozen_first_factor_stays_as_it_was_drawn() -> None:
    adapter = Adapter(rank=2, matrices=("down_proj",), freeze_a=True)
    names = [name for name, _ in adapt(tiny_decoder(), adapter, seed=0)]
    assert names == [f"model.layers.{block}.mlp.down_proj.b" for block in range(2)]
    drawn = LowRank(
        torch.zeros(32, 48), adapter, derive_seed(0, "adapter", "model.layers.1.mlp.down_proj")
    )
    name = "model.layers.1.mlp.down_proj.weight"
    change = trained(adapter).get_parameter(name) - tiny_decoder().get_parameter(name)
    # The update's rows lie in the span of A's.
    within = change @ torch.linalg.pinv(drawn.a) @ drawn.a
    assert change.abs().max() > 1e-3
    torch.testing.assert_close(within, change, rtol=0, atol=1e-5)


def test_only_the_chosen_blocks_are_adapted_and_alike_whatever_else_is() -> None:
    every = dict(adapt(tiny_decoder(), Adapter(rank=2), seed=0))
    last = dict(adapt(tiny_decoder(), Adapter(rank=2, layers=(1,)), seed=0))
    assert len(last) == 14
    assert all(name.startswith("model.layers.1.") for name in last)
    assert all(torch.equal(weight, every[name]) for name, weight in last.items())


def test_a_block_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match=r"adapter.layers: there is no block 2; the model has"):
        adapt(tiny_decoder(), Adapter(layers=(2,)), seed=0)
