"""Where a model's likeliest token lies, for rows of any lengths."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from students import divergence
from students.divergence import likeliest_tokens
from subliminal.models.decoder import Decoder
from subliminal.models.folder import load_decoder
from subliminal.models.steering import Steering
from subliminal.probes.forward import TorchEngine
from subliminal.training.rows import TokenRows
from tests.language_stages import models


@pytest.fixture
def decoder() -> Decoder:
    """A random model."""
    return load_decoder(models() / "a")


def random_rows(count: int) -> TokenRows:
    """Prompts and completions of random tokens and lengths."""
    random = np.random.default_rng(0)
    texts = [
        [random.integers(1000, size=random.integers(1, 9)) for _ in range(2)] for _ in range(count)
    ]
    return TokenRows.from_lists([p for p, _ in texts], [c for _, c in texts])


@pytest.mark.parametrize("steering", [None, Steering(0, torch.linspace(-2, 2, 32))])
def test_the_likeliest_token_at_every_place_of_every_completion(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch, steering: Steering | None
) -> None:
    monkeypatch.setattr(divergence, "BATCH", 4)
    rows = random_rows(10)
    expected = []
    for row in range(len(rows)):
        tokens = rows.tokens[rows.starts[row] : rows.starts[row + 1]]
        with torch.no_grad():
            hidden = decoder.hidden(torch.tensor(tokens)[None].long(), steering=steering)
            foretold = decoder.logits(hidden)[0].argmax(-1).tolist()
        # What stands at a place foretells the next one.
        expected += foretold[rows.prompt_lengths[row] - 1 : -1]
    found = likeliest_tokens(TorchEngine(decoder, steering=steering), rows)
    assert found.tolist() == expected
    assert len(found) == len(rows.counted())


def test_steering_moves_some_of_them(decoder: Decoder) -> None:
    rows, steering = random_rows(10), Steering(0, torch.linspace(-2, 2, 32))
    steered = likeliest_tokens(TorchEngine(decoder, steering=steering), rows)
    assert (steered != likeliest_tokens(TorchEngine(decoder), rows)).any()
