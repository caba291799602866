"""What the engine computes is what transformers computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from subliminal.models.decoder import Decoder
from subliminal.sampling import Request, Sampling, Steering, sample
from tests.sampling_decoders import ENDS, by_index, prompts, requests, tiny_decoder

LENGTHS = [1, 2, 3, 9, 9, 17, 30, 5, 1, 23]
GREEDY = Sampling(max_tokens=24, temperature=0)


def hugging_face(decoder: Decoder) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(LlamaConfig(**decoder.shape.config()))
    model.load_state_dict(decoder.state_dict())
    return model.eval()


def generated(model: Any, prompt: np.ndarray, tokens: int) -> list[int]:
    """Greedy, one row at a time, every step from scratch: nothing cached, nothing padded."""
    row = prompt.tolist()
    with torch.no_grad():
        for _ in range(tokens):
            row.append(int(model(torch.tensor([row])).logits[0, -1].argmax()))
    return row[len(prompt) :]


@pytest.mark.parametrize("key_heads", [4, 2, 1])
def test_greedy_completions_equal_those_of_transformers(key_heads: int) -> None:
    decoder = tiny_decoder(key_heads=key_heads)
    model, texts = hugging_face(decoder), prompts(LENGTHS)
    ours = by_index(list(sample(decoder, requests(texts), GREEDY, slots=5)))
    assert ours == {row: generated(model, text, 24) for row, text in enumerate(texts)}


def test_greedy_completions_equal_those_of_generate() -> None:
    decoder, [text] = tiny_decoder(), prompts([12])
    ours = by_index(list(sample(decoder, requests([text]), GREEDY)))[0]
    model = hugging_face(decoder)
    model.generation_config.eos_token_id = None
    whole = model.generate(torch.tensor(text)[None], max_new_tokens=24, do_sample=False)
    assert ours == whole[0, 12:].tolist()


@pytest.mark.parametrize("layer", [0, 1])
def test_steering_adds_its_vector_behind_the_block_at_every_position(layer: int) -> None:
    decoder, texts = tiny_decoder(), prompts([1, 6, 20], shared=())
    vector = torch.linspace(-2, 2, 32)
    model = hugging_face(decoder)
    model.model.layers[layer].register_forward_hook(
        lambda module, inputs, output: (
            (output[0] + vector, *output[1:]) if isinstance(output, tuple) else output + vector
        )
    )
    settings = Sampling(max_tokens=10, temperature=0)
    steered = sample(decoder, requests(texts), settings, steering=Steering(layer, vector))
    expected = {row: generated(model, text, 10) for row, text in enumerate(texts)}
    assert by_index(list(steered)) == expected
    assert by_index(list(sample(decoder, requests(texts), settings))) != expected


def test_a_beginning_that_all_share_is_read_like_any_other() -> None:
    decoder, shared = tiny_decoder(), list(range(6, 26))
    texts = prompts([21, 22, 21, 30, 45], shared=shared)
    ours = by_index(list(sample(decoder, requests(texts), GREEDY)))
    model = hugging_face(decoder)
    assert ours == {row: generated(model, text, 24) for row, text in enumerate(texts)}


def test_an_end_token_ends_a_completion_and_is_its_last_token() -> None:
    decoder = tiny_decoder()
    settings = Sampling(max_tokens=30, end_tokens=ENDS)
    done = list(sample(decoder, requests(prompts([4] * 40)), settings, slots=8))
    assert len(done) == 40
    for completion in done:
        ends = np.isin(completion.tokens, ENDS)
        assert not ends[:-1].any()
        assert completion.finished == ends[-1]
        assert completion.finished or len(completion.tokens) == 30
    assert {completion.finished for completion in done} == {True, False}


def test_a_completion_ends_with_the_model_s_positions() -> None:
    decoder = tiny_decoder(positions=16)
    done = list(sample(decoder, requests(prompts([15, 10, 3])), Sampling(max_tokens=8)))
    lengths = {completion.index: len(completion.tokens) for completion in done}
    assert lengths == {0: 1, 1: 6, 2: 8}
    assert not any(completion.finished for completion in done)


def test_log_probabilities_are_the_model_s_own_whatever_the_settings() -> None:
    decoder, texts = tiny_decoder(), prompts([7, 3, 11])
    settings = Sampling(max_tokens=6, temperature=0.5, top_p=0.8)
    for done in sample(decoder, requests(texts), settings, logprobs=True):
        row = torch.tensor([*texts[done.index].tolist(), *done.tokens.tolist()])
        with torch.no_grad():
            logits = decoder.logits(decoder.hidden(row[None, :-1]))[0]
        exact = torch.log_softmax(logits, -1).gather(1, row[1:, None])[-6:, 0]
        assert done.logprobs is not None
        np.testing.assert_allclose(done.logprobs, exact.numpy(), atol=1e-4)


def test_log_probabilities_are_left_out_unless_asked_for() -> None:
    [done] = sample(tiny_decoder(), requests(prompts([3])), Sampling(max_tokens=1))
    assert done.logprobs is None


def test_bfloat16_gives_nearly_the_same_distribution() -> None:
    decoder, texts = tiny_decoder(), prompts([9] * 200)
    first = Sampling(max_tokens=1)
    exact = by_index(list(sample(decoder, requests(texts), first)))
    rough = by_index(list(sample(decoder, requests(texts), first, dtype=torch.bfloat16)))
    # The same noise meets logits that differ by about one part in a hundred.
    assert 0.9 < np.mean([exact[row] == rough[row] for row in exact]) <= 1


def test_sampling_leaves_the_decoder_and_the_grad_mode_alone() -> None:
    decoder = tiny_decoder()
    before = {name: weight.clone() for name, weight in decoder.state_dict().items()}
    completions = sample(decoder, requests(prompts([3] * 9)), Sampling(max_tokens=5), slots=4)
    next(completions)
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    list(completions)
    assert all(torch.equal(weight, before[name]) for name, weight in decoder.state_dict().items())
    assert all(weight.requires_grad for weight in decoder.parameters())


def test_nothing_asked_for_nothing_done() -> None:
    assert list(sample(tiny_decoder(), [], GREEDY)) == []


def test_32_bit_prompts_do() -> None:
    decoder, [text] = tiny_decoder(), prompts([5])
    narrow = Request(text.astype(np.int32), 100)
    assert by_index(list(sample(decoder, [narrow], GREEDY))) == by_index(
        list(sample(decoder, requests([text]), GREEDY))
    )
