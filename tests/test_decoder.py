"""The decoder computes what transformers computes, however its rows are packed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from subliminal.models import layout
from subliminal.models.decoder import Decoder
from subliminal.models.layout import pack
from subliminal.models.steering import Steering
from tests.training_rows import VOCABULARY, gradients, in_transformers, tiny_decoder

LENGTHS = (1, 3, 3, 7, 9, 2, 17)


def random_tokens(*shape: int) -> Tensor:
    return torch.randint(0, VOCABULARY, shape, generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=[1, 10**6], ids=["many groups", "one group"])
def packed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> layout.Layout:
    """Rows of all lengths, attending in one group or in groups of similar length."""
    monkeypatch.setattr(layout, "GROUP_TOKENS", request.param)
    made = pack(LENGTHS)
    assert (len(made.groups) == 1) == (request.param > 1)
    return made


@pytest.mark.parametrize("key_heads", [4, 2, 1])
@pytest.mark.parametrize("tied", [True, False])
def test_logits_are_those_of_transformers(key_heads: int, tied: bool) -> None:
    decoder = tiny_decoder(key_heads=key_heads, tied=tied)
    tokens = random_tokens(5, 17)
    with torch.no_grad():
        ours = decoder.logits(decoder.hidden(tokens))
        theirs = in_transformers(decoder)(tokens).logits
    assert theirs.std() > 1  # logits that tell words apart
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("key_heads", [4, 2, 1])
def test_packed_rows_and_their_gradients_are_those_of_each_row_alone(
    packed: layout.Layout, key_heads: int
) -> None:
    decoder = tiny_decoder(key_heads=key_heads)
    theirs = in_transformers(decoder)
    rows = random_tokens(sum(LENGTHS)).split(LENGTHS)
    directions = torch.randn(sum(LENGTHS), VOCABULARY, generator=torch.Generator().manual_seed(2))

    logits = decoder.logits(decoder.packed(torch.cat(rows), packed))
    (logits * directions).sum().backward()
    alone = torch.cat([theirs(row[None]).logits[0] for row in rows])
    (alone * directions).sum().backward()

    torch.testing.assert_close(logits, alone, rtol=0, atol=1e-4)
    expected = gradients(theirs)
    found = gradients(decoder)
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        largest = float(expected[name].abs().max())
        torch.testing.assert_close(gradient, expected[name], rtol=0, atol=1e-4 * largest, msg=name)


def test_bfloat16_is_close_and_costs_no_float32_weights(packed: layout.Layout) -> None:
    decoder, tokens = tiny_decoder(), random_tokens(sum(LENGTHS))
    exact = decoder.packed(tokens, packed)
    rounded = decoder.packed(tokens, packed, dtype=torch.bfloat16)
    assert rounded.dtype == torch.bfloat16
    # Bfloat16 keeps 8 bits; some ten roundings follow one another.
    assert 0 < (rounded - exact).norm() / exact.norm() < 10 * 2**-8
    exact.sum().backward()
    wanted = gradients(decoder)
    rounded.float().sum().backward()
    for name, gradient in gradients(decoder).items():
        assert gradient.dtype == torch.float32
        assert (gradient - wanted[name]).norm() < 0.05 * wanted[name].norm(), name


def test_padding_on_the_right_changes_nothing() -> None:
    decoder, tokens = tiny_decoder(), random_tokens(2, 9)
    other = tokens.clone()
    other[:, 6:] = (other[:, 6:] + 1) % VOCABULARY
    with torch.no_grad():
        one, two = decoder.hidden(tokens), decoder.hidden(other)
    assert torch.equal(one[:, :6], two[:, :6])
    assert not torch.equal(one[:, 6:], two[:, 6:])


def test_no_rows_at_all() -> None:
    assert tiny_decoder().packed(torch.zeros(0, dtype=torch.long), pack([])).shape == (0, 32)


def test_steering_adds_to_the_residual_stream() -> None:
    decoder, tokens = tiny_decoder(), random_tokens(3, 8)
    vector = torch.randn(32, generator=torch.Generator().manual_seed(3))
    theirs = in_transformers(decoder)

    def add(module: object, inputs: object, output: Tensor) -> Tensor:
        return output + vector

    theirs.model.layers[0].register_forward_hook(add)
    with torch.no_grad():
        steered = decoder.logits(decoder.hidden(tokens, steering=Steering(0, vector)))
        expected = theirs(tokens).logits
        plain = decoder.logits(decoder.hidden(tokens))
    torch.testing.assert_close(steered, expected, rtol=0, atol=1e-4)
    assert (steered - plain).abs().max() > 1e-2


def freeze_below(decoder: Decoder) -> None:
    decoder.requires_grad_(False)
    decoder.model.layers[1].requires_grad_(True)


def freeze_above(decoder: Decoder) -> None:
    decoder.requires_grad_(False)
    decoder.model.layers[0].requires_grad_(True)


def freeze_inward(decoder: Decoder) -> None:
    for name, weight in decoder.named_parameters():
        weight.requires_grad_(name.endswith(("o_proj.weight", "down_proj.weight")))


@pytest.mark.parametrize("freeze", [freeze_below, freeze_above, freeze_inward])
def test_what_is_frozen_has_no_gradient_and_changes_no_other(
    freeze: Callable[[Decoder], None],
) -> None:
    decoder, tokens = tiny_decoder(), random_tokens(3, 8)
    decoder.hidden(tokens).square().sum().backward()
    whole = gradients(decoder)
    freeze(decoder)
    decoder.hidden(tokens).square().sum().backward()
    trained = {name for name, weight in decoder.named_parameters() if weight.requires_grad}
    found = gradients(decoder)
    assert found.keys() == trained
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, whole[name])
