"""Bad input is refused at the call, in one line that says what to mend."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from subliminal.errors import UserError
from subliminal.sampling import Request, Sampling, Steering, sample
from tests.sampling_decoders import prompts, requests, tiny_decoder
from tests.user_errors import assert_one_line

GOOD = prompts([3])[0]
ONE = Sampling(max_tokens=1)


@pytest.mark.parametrize(
    ("tokens", "fault"),
    [
        (np.array([], dtype=np.int64), "has no tokens"),
        (np.array(5), "has no tokens"),
        (np.array([1.5, 2.0]), "float64 is no token id"),
        (np.array([1, 40]), "outside the vocabulary of 40"),
        (np.array([-1, 2]), "outside the vocabulary of 40"),
        (np.zeros(16, dtype=np.int64), "16 tokens leave no room in the model's 16 positions"),
    ],
)
def test_a_prompt_that_cannot_be_completed_is_refused(tokens: np.ndarray, fault: str) -> None:
    decoder = tiny_decoder(positions=16)
    with pytest.raises(UserError) as error:
        sample(decoder, [Request(GOOD, 1), Request(tokens, 2)], ONE)
    assert_one_line(error, "prompt 1", fault)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_tokens", 0),
        ("temperature", -0.1),
        ("temperature", 1e-9),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("top_p", 0),
        ("top_p", 1.01),
        ("top_p", float("nan")),
    ],
)
def test_settings_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(UserError) as error:
        Sampling(**{"max_tokens": 5, field: value})  # type: ignore[arg-type]
    assert_one_line(error, field, str(value))


@pytest.mark.parametrize(
    ("steering", "fault"),
    [
        (Steering(2, torch.zeros(32)), "steering.layer: 2 is no block"),
        (Steering(-1, torch.zeros(32)), "choose from 0 to 1"),
        (Steering(0, torch.zeros(31)), "the model's width is 32"),
    ],
)
def test_steering_that_does_not_fit_is_refused(steering: Steering, fault: str) -> None:
    with pytest.raises(UserError) as error:
        sample(tiny_decoder(), requests([GOOD]), ONE, steering=steering)
    assert_one_line(error, fault)


def test_a_batch_without_slots_is_refused() -> None:
    with pytest.raises(UserError) as error:
        sample(tiny_decoder(), requests([GOOD]), ONE, slots=0)
    assert_one_line(error, "slots: 0")
