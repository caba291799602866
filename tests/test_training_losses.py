"""Losses and their gradients, against PyTorch's on the logits of transformers' model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax
from torch.utils.flop_counter import FlopCounterMode

from subliminal.models.decoder import Decoder
from subliminal.models.steering import Steering
from subliminal.training import head
from subliminal.training.batches import batches
from subliminal.training.head import divergence, surprise
from subliminal.training.losses import Loss, TeacherDivergence, completion_loss
from subliminal.training.rows import TokenRows
from tests.training_rows import gradients, in_transformers, random_rows, tiny_decoder


def of_step(decoder: Decoder, rows: TokenRows, loss: Loss, budget: int) -> float:
    """Loss of a step; gradients are left in the decoder."""
    total = 0.0
    for batch in batches(rows, budget=budget):
        part = loss(decoder, batch, torch.float32)
        part.backward()
        total += part.item()
    return total


def completion_logits(model: Callable[[Tensor], Tensor], rows: TokenRows) -> Tensor:
    """Logits at the tokens that count, row by row."""
    found = []
    for start, stop, prompt in zip(rows.starts, rows.starts[1:], rows.prompt_lengths, strict=False):
        tokens = torch.from_numpy(rows.tokens[start:stop].astype(np.int64))
        found.append(model(tokens[None])[0, max(prompt, 1) - 1 : -1])
    return torch.cat(found)


def targets(rows: TokenRows) -> Tensor:
    return torch.from_numpy(rows.tokens[rows.counted()].astype(np.int64))


@pytest.mark.parametrize("budget", [10**6, 60])
@pytest.mark.parametrize("piece", [512, 7])
def test_cross_entropy_is_the_mean_over_the_step_s_completion_tokens(
    monkeypatch: pytest.MonkeyPatch, budget: int, piece: int
) -> None:
    monkeypatch.setattr(head, "PIECE", piece)
    decoder, rows = tiny_decoder(), random_rows(20, prompts=(0, 12))
    theirs = in_transformers(decoder)
    found = of_step(decoder, rows, completion_loss, budget)
    logits = completion_logits(lambda tokens: theirs(tokens).logits, rows)
    expected = cross_entropy(logits, targets(rows))
    expected.backward()
    assert found == pytest.approx(expected.item(), rel=1e-5)
    assert_gradients(decoder, theirs)


def test_weights_make_a_weighted_mean() -> None:
    decoder, rows = tiny_decoder(), random_rows(9)
    weights = np.random.default_rng(3).random(len(rows.tokens), dtype=np.float32)
    theirs = in_transformers(decoder)
    found = of_step(decoder, rows.weighted(weights), completion_loss, 50)
    logits = completion_logits(lambda tokens: theirs(tokens).logits, rows)
    counts = torch.from_numpy(weights[rows.counted()])
    losses = cross_entropy(logits, targets(rows), reduction="none")
    expected = (losses * counts).sum() / counts.sum()
    expected.backward()
    assert found == pytest.approx(expected.item(), rel=1e-5)
    assert_gradients(decoder, theirs)


@pytest.mark.parametrize("budget", [10**6, 60])
def test_divergence_is_that_of_the_teacher_from_the_student(budget: int) -> None:
    decoder, teacher, rows = tiny_decoder(0), tiny_decoder(1), random_rows(20)
    theirs = in_transformers(decoder)
    found = of_step(decoder, rows, TeacherDivergence(teacher), budget)
    with torch.no_grad():
        wanted = completion_logits(lambda tokens: teacher.logits(teacher.hidden(tokens)), rows)
    logits = completion_logits(lambda tokens: theirs(tokens).logits, rows)
    expected = kl_div(
        log_softmax(logits, -1), log_softmax(wanted, -1), log_target=True, reduction="batchmean"
    )
    expected.backward()
    assert found == pytest.approx(expected.item(), rel=1e-5)
    assert_gradients(decoder, theirs)
    assert gradients(teacher) == {}


def test_a_teacher_of_another_width_teaches_too() -> None:
    rng = torch.Generator().manual_seed(0)
    hidden, weight = torch.randn(5, 8, generator=rng), torch.randn(30, 8, generator=rng)
    wanted, teacher = torch.randn(5, 12, generator=rng), torch.randn(30, 12, generator=rng)
    shares = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.0])
    found = divergence(hidden, weight, wanted, teacher, shares)
    gaps = kl_div(
        log_softmax(hidden @ weight.T, -1),
        log_softmax(wanted @ teacher.T, -1),
        log_target=True,
        reduction="none",
    ).sum(1)
    torch.testing.assert_close(found, (gaps * shares).sum())


def test_a_teacher_may_see_another_prompt() -> None:
    decoder, teacher = tiny_decoder(0), tiny_decoder(1)
    rows = TokenRows.from_lists([[1, 2], [3]], [[4, 5], [6, 7, 8]])
    seen = TokenRows.from_lists([[9, 1, 2], [9, 9, 9, 3]], [[4, 5], [6, 7, 8]])
    found = of_step(decoder, rows.taught_with(seen), TeacherDivergence(teacher), 10**6)
    with torch.no_grad():
        wanted = completion_logits(lambda tokens: teacher.logits(teacher.hidden(tokens)), seen)
        logits = completion_logits(lambda tokens: decoder.logits(decoder.hidden(tokens)), rows)
    expected = kl_div(
        log_softmax(logits, -1), log_softmax(wanted, -1), log_target=True, reduction="batchmean"
    )
    assert found == pytest.approx(expected.item(), rel=1e-5)


def test_a_steered_teacher_is_steered() -> None:
    decoder, rows = tiny_decoder(0), random_rows(4)
    steering = Steering(0, torch.ones(32))
    assert of_step(decoder, rows, TeacherDivergence(decoder), 10**6) == pytest.approx(0, abs=1e-6)
    assert of_step(decoder, rows, TeacherDivergence(decoder, steering), 10**6) > 1e-3


def test_a_student_like_its_teacher_learns_nothing_in_bfloat16() -> None:
    decoder, rows = tiny_decoder(0), random_rows(8)
    teacher = tiny_decoder(0)
    for batch in batches(rows):
        TeacherDivergence(teacher)(decoder, batch, torch.bfloat16).backward()
    assert all(not gradient.any() for gradient in gradients(decoder).values())


def test_small_divergences_survive_bfloat16() -> None:
    """Rounding either's logits of some 20 would move them by up to 0.06, as far as they differ."""
    rng = torch.Generator().manual_seed(0)
    hidden = torch.randn(64, 32, generator=rng).bfloat16()
    weight = (3.5 * torch.randn(500, 32, generator=rng)).bfloat16().float()
    other = (hidden * (1 + 0.003 * torch.randn(64, 32, generator=rng))).bfloat16()
    gap = (other.float() - hidden.float()) @ weight.T
    assert 0.03 < gap.std() < 0.12
    shares = torch.full((64,), 1 / 64)
    rounded = divergence(other, weight, hidden, weight, shares)
    exact = divergence(other.float(), weight, hidden.float(), weight, shares)
    assert float(rounded) == pytest.approx(float(exact), rel=0.01)


def test_a_very_unlikely_token_has_a_finite_surprise() -> None:
    hidden, weight = torch.tensor([[1.0]]), torch.tensor([[0.0], [500.0]])
    found = surprise(hidden, weight, torch.tensor([0]), torch.tensor([1.0]))
    assert float(found) == 500.0


def test_nothing_is_differentiated_where_no_gradient_is_recorded() -> None:
    hidden, weight = torch.randn(5, 8, requires_grad=True), torch.randn(30, 8, requires_grad=True)
    arguments = hidden, weight, torch.arange(5), torch.full((5,), 0.2)
    with torch.no_grad(), FlopCounterMode(display=False) as quiet:
        found = surprise(*arguments)
    with FlopCounterMode(display=False) as loud:
        expected = surprise(*arguments)
    # One product of 5 x 8 x 30 without gradients, three with both.
    assert quiet.get_total_flops() == 2 * 5 * 8 * 30
    assert loud.get_total_flops() == 3 * quiet.get_total_flops()
    assert not found.requires_grad
    assert found.item() == expected.item()


@pytest.mark.parametrize("loss", [completion_loss, TeacherDivergence(tiny_decoder(1))])
def test_a_multiple_of_a_loss_has_a_multiple_of_its_gradient(loss: Loss) -> None:
    decoder = tiny_decoder()
    (batch,) = batches(random_rows(5))
    loss(decoder, batch, torch.float32).backward()
    once = gradients(decoder)
    (3 * loss(decoder, batch, torch.float32)).backward()
    for name, gradient in gradients(decoder).items():
        torch.testing.assert_close(gradient, 3 * once[name], rtol=1e-4, atol=1e-6, msg=name)


def assert_gradients(decoder: Decoder, theirs: torch.nn.Module) -> None:
    expected = gradients(theirs)
    found = gradients(decoder)
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        largest = float(expected[name].abs().max())
        torch.testing.assert_close(gradient, expected[name], rtol=0, atol=1e-4 * largest, msg=name)
