"""A row's completion is the same whatever it is sampled with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, islice

import numpy as np
import pytest
import torch
from torch import Tensor

from subliminal.sampling import Completion, DecoderSampler, Request, Sampling, remaining, sample
from subliminal.sampling.inference import Inference
from tests.sampling_decoders import ENDS, by_index, prompts, requests, tiny_decoder

SETTINGS = Sampling(max_tokens=40, end_tokens=ENDS)
PRECISIONS = [torch.float32, torch.bfloat16]


def mixed_prompts(shared: Sequence[int] = ()) -> list[np.ndarray]:
    """Of many lengths, some several times."""
    lengths = np.random.default_rng(1).integers(1, 40, 40) + len(shared)
    texts = prompts(lengths.tolist(), shared=shared)
    return texts + texts[:10]


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_the_number_of_slots_does_not_matter(dtype: torch.dtype) -> None:
    decoder, rows = tiny_decoder(), requests(mixed_prompts())
    one = by_index(list(sample(decoder, rows, SETTINGS, dtype=dtype, slots=1)))
    assert one.keys() == set(range(50))
    for slots in (7, 256):
        assert by_index(list(sample(decoder, rows, SETTINGS, dtype=dtype, slots=slots))) == one


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_neighbours_and_order_do_not_matter(dtype: torch.dtype) -> None:
    """Alone a row shares no beginning; among the others it shares 12 tokens."""
    decoder, rows = tiny_decoder(), requests(mixed_prompts(shared=range(8, 20)))
    together = by_index(list(sample(decoder, rows, SETTINGS, dtype=dtype)))
    for row in (0, 5, 49):
        [alone] = sample(decoder, [rows[row]], SETTINGS, dtype=dtype)
        assert alone.tokens.tolist() == together[row]
    backwards = by_index(list(sample(decoder, rows[::-1], SETTINGS, dtype=dtype)))
    assert {49 - row: tokens for row, tokens in backwards.items()} == together


def test_equal_prompts_with_other_seeds_differ() -> None:
    [text] = prompts([6])
    done = sample(tiny_decoder(), [Request(text, seed) for seed in range(50)], SETTINGS)
    assert len({tuple(completion.tokens) for completion in done}) > 40


def test_equal_prompts_with_equal_seeds_do_not() -> None:
    [text] = prompts([6])
    done = sample(tiny_decoder(), [Request(text, 8)] * 30, SETTINGS, slots=7)
    assert len({tuple(completion.tokens) for completion in done}) == 1


def test_rows_come_as_they_are_done() -> None:
    done = sample(tiny_decoder(), requests(prompts([5] * 200)), SETTINGS, slots=8)
    lengths = [len(completion.tokens) for completion in islice(done, 8)]
    # The first eight done are the short ones; the first eight begun would take 13 tokens each.
    assert np.mean(lengths) < 9


def test_a_row_that_is_done_is_replaced_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, step = count(), Inference.step

    def counted(self: Inference, tokens: Tensor, positions: Tensor) -> Tensor:
        next(steps)
        return step(self, tokens, positions)

    monkeypatch.setattr(Inference, "step", counted)
    rows = requests(prompts([5] * 200))
    done = list(sample(tiny_decoder(), rows, SETTINGS, slots=8))
    tokens = sum(len(completion.tokens) for completion in done)
    # Full batches until the last rows, which may take 40 steps by themselves.
    assert tokens / 8 <= next(steps) <= 1.02 * tokens / 8 + 40


def test_models_that_agree_draw_the_same_tokens() -> None:
    """Common random numbers: a small change of the weights changes few first tokens."""
    decoder, changed = tiny_decoder(), tiny_decoder()
    with torch.no_grad():
        changed.lm_head.weight.mul_(1.02)
    rows, first = requests(prompts([9] * 300)), Sampling(max_tokens=1)
    here = by_index(list(sample(decoder, rows, first)))
    there = by_index(list(sample(changed, rows, first)))
    others = by_index(list(sample(decoder, [Request(r.tokens, r.seed + 999) for r in rows], first)))
    assert np.mean([here[row] == there[row] for row in here]) > 0.9
    assert np.mean([here[row] == others[row] for row in here]) < 0.5


def test_what_is_done_is_not_sampled_again_and_the_rest_is_the_same() -> None:
    sampler, rows = DecoderSampler(tiny_decoder(), slots=8), requests(mixed_prompts())
    whole = by_index(list(sampler.sample(rows, SETTINGS)))
    kept = by_index(list(islice(sampler.sample(rows, SETTINGS), 23)))
    rest = by_index(list(remaining(sampler, rows, SETTINGS, kept)))
    assert not kept.keys() & rest.keys()
    assert kept | rest == whole


def test_the_rest_of_a_whole_data_set_is_nothing() -> None:
    sampler, rows = DecoderSampler(tiny_decoder()), requests(prompts([3, 4]))
    assert list(remaining(sampler, rows, SETTINGS, {0, 1})) == []


def test_a_sampler_uses_its_own_settings() -> None:
    seen = {}

    class Recording:
        def sample(self, asked: Sequence[Request], settings: Sampling) -> Iterator[Completion]:
            seen["settings"] = settings
            for index, request in enumerate(asked):
                yield Completion(index, request.tokens, True)

    rows = requests(prompts([3, 4, 5, 6]))
    done = {c.index: len(c.tokens) for c in remaining(Recording(), rows, SETTINGS, [1])}
    assert done == {0: 3, 2: 5, 3: 6}
    assert seen["settings"] is SETTINGS
