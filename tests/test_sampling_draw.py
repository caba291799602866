"""Tokens are drawn from exactly the distribution asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import chisquare

from subliminal.errors import StageError
from subliminal.sampling import Request, Sampling, sample
from subliminal.sampling.draw import draw, invert, nucleus
from tests.sampling_decoders import prompts, tiny_decoder

PLAIN = Sampling(max_tokens=1)


def reference_nucleus(probabilities: np.ndarray, top_p: float) -> set[int]:
    """Token by token, likeliest first and equals in order, until the mass is there."""
    kept: set[int] = set()
    mass = 0.0
    for token in sorted(range(len(probabilities)), key=lambda i: (-probabilities[i], i)):
        if mass >= top_p:
            break
        kept.add(token)
        mass += float(probabilities[token])
    return kept


@given(
    # Multiples of 1/256 that add up to 1 exactly, with many ties, and top-p between the sums.
    cuts=st.lists(st.integers(0, 256), min_size=1, max_size=150),
    steps=st.integers(0, 511),
)
def test_the_nucleus_is_the_smallest_set_with_the_mass(cuts: list[int], steps: int) -> None:
    probabilities = np.diff([0, *sorted(cuts), 256]).astype(np.float32) / 256
    top_p = max(steps, 1) / 512
    kept = nucleus(torch.from_numpy(probabilities)[None], top_p)[0].numpy()
    expected = reference_nucleus(probabilities, top_p)
    assert {int(token) for token in np.flatnonzero(kept)} == expected - set(
        np.flatnonzero(probabilities == 0)
    )
    np.testing.assert_array_equal(kept[kept > 0], probabilities[kept > 0])


def test_rows_of_a_batch_have_nuclei_of_their_own() -> None:
    rows = torch.tensor([[0.7, 0.1, 0.1, 0.1], [0.25, 0.25, 0.25, 0.25]])
    assert (nucleus(rows, 0.75) > 0).tolist() == [[1, 1, 0, 0], [1, 1, 1, 0]]


@given(st.integers(1, 400), st.integers(0, 2**32 - 1))
def test_the_inverse_is_that_of_the_cumulative_sum_in_token_order(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = (rng.random((50, size)) * (rng.random((50, size)) < 0.3)).astype(np.float32)
    weights[:, rng.integers(size)] = 1
    uniforms = rng.random(50)
    tokens = invert(torch.from_numpy(weights), torch.from_numpy(uniforms)).numpy()
    sums = weights.astype(np.float64).cumsum(1)
    for row, token in enumerate(tokens):
        target = uniforms[row] * sums[row, -1]
        # Blocks are added up in float32.
        slack = 1e-5 * sums[row, -1]
        assert weights[row, token] > 0
        assert sums[row, token] > target - slack
        assert sums[row, token] - weights[row, token] <= target + slack


@pytest.mark.parametrize("uniform", [0.0, 1 - 2.0**-53])
def test_tokens_without_probability_are_never_drawn(uniform: float) -> None:
    weights = torch.zeros(1, 200)
    weights[0, [70, 130]] = torch.tensor([0.25, 0.75])
    [token] = invert(weights, torch.tensor([uniform], dtype=torch.float64)).tolist()
    assert token == (70 if uniform == 0 else 130)


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        (PLAIN, 30),
        (Sampling(max_tokens=1, temperature=0.6), 30),
        (Sampling(max_tokens=1, temperature=1.7), 30),
        (Sampling(max_tokens=1, top_p=0.6), None),
        (Sampling(max_tokens=1, temperature=1.3, top_p=0.8), None),
    ],
)
def test_frequencies_are_the_probabilities(settings: Sampling, allowed: int | None) -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 1.2, 30).astype(np.float32)
    probabilities = softmax(logits.astype(np.float64) / settings.temperature)
    kept = sorted(reference_nucleus(probabilities, settings.top_p))
    expected = probabilities[kept] / probabilities[kept].sum()
    if allowed is not None:
        assert len(kept) == allowed
    draws = 40_000
    tokens = draw(torch.from_numpy(logits).expand(draws, -1), rng.random(draws), settings).numpy()
    counts = np.bincount(tokens, minlength=30)
    assert counts.sum() == counts[kept].sum()
    assert chisquare(counts[kept], expected * draws).pvalue > 1e-4


def test_pairs_of_tokens_come_from_the_model_s_distribution() -> None:
    """The second token follows from the first: 6 x 6 pairs, each with p(a) p(b | a)."""
    decoder, [text] = tiny_decoder(vocabulary=6), prompts([5], vocabulary=6)
    rows, settings = 6_000, Sampling(max_tokens=2)
    pairs = np.zeros((6, 6))
    for done in sample(decoder, [Request(text, seed) for seed in range(rows)], settings):
        pairs[tuple(done.tokens)] += 1
    longer = torch.tensor([[*text.tolist(), token] for token in range(6)])
    with torch.no_grad():
        logits = decoder.logits(decoder.hidden(longer)).double()
    first, second = logits[0, -2].softmax(-1).numpy(), logits[:, -1].softmax(-1).numpy()
    assert chisquare(pairs.ravel(), (first[:, None] * second * rows).ravel()).pvalue > 1e-4


def test_temperature_zero_takes_the_first_of_the_likeliest() -> None:
    logits = torch.tensor([[0.0, 5.0, 5.0, 1.0], [-9.0, -9.0, -9.0, -9.0]])
    settings = Sampling(max_tokens=1, temperature=0)
    assert draw(logits, np.array([0.99, 0.99]), settings).tolist() == [1, 0]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "settings",
    [PLAIN, Sampling(max_tokens=1, temperature=0), Sampling(max_tokens=1, top_p=0.5)],
)
def test_logits_that_are_no_numbers_fail_the_stage(value: float, settings: Sampling) -> None:
    logits = torch.zeros(3, 70)
    logits[1, 4] = value
    with pytest.raises(StageError, match="not finite"):
        draw(logits, np.full(3, 0.5), settings)


def test_damaged_weights_fail_the_stage() -> None:
    decoder = tiny_decoder()
    with torch.no_grad():
        decoder.lm_head.weight[3, 2] = float("nan")
    with pytest.raises(StageError, match="damaged"):
        list(sample(decoder, [Request(prompts([4])[0], 1)], PLAIN))
