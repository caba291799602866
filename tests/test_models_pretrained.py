"""Models of transformers: what transformers gives, and what our decoder gives where both can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from subliminal.errors import UserError
from subliminal.models.folder import load_decoder
from subliminal.models.hub_configs import hub_config
from subliminal.models.layout import pack
from subliminal.models.load import load_model, runs_on_decoder, save_model, shape_of_model
from subliminal.models.pretrained import Pretrained
from subliminal.models.steering import Steering
from subliminal.sampling import Completion, Request, Sampler, Sampling, sampler_of
from subliminal.sampling.pretrained_sampler import PretrainedSampler, rows_at_once
from tests.hub_models import ARCHITECTURES, PLAIN_HEADS, hub_model
from tests.models import pocket_chat, random_model
from tests.user_errors import assert_one_line

ROWS = [[7, 100, 8, 300, 9, 4, 12], [5, 5, 1], [900, 2, 3, 17, 21]]
TOKENS, LAYOUT = torch.tensor([token for row in ROWS for token in row]), pack([7, 3, 5])


@pytest.fixture(scope="module", params=ARCHITECTURES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub_model(tmp_path_factory.mktemp("hub") / request.param, request.param)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_model(tmp_path_factory.mktemp("llama"), seed=3)


def as_pretrained(folder: Path) -> Pretrained:
    """A folder that transformers computes, whatever our decoder can do."""
    from transformers import AutoModelForCausalLM

    return Pretrained(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32))


@torch.no_grad()
def test_packed_rows_have_the_logits_that_each_has_alone(folder: Path) -> None:
    model = load_model(folder)
    assert isinstance(model, Pretrained)
    ours = model.logits(model.packed(TOKENS, LAYOUT))
    theirs = [model.network(torch.tensor([row])).logits[0].float() for row in ROWS]
    torch.testing.assert_close(ours, torch.cat(theirs), atol=1e-4, rtol=1e-4)
    assert ours.std() > 0.1  # so that the comparison can fail
    reads = torch.tensor([2, 9, 14])
    torch.testing.assert_close(
        model.packed(TOKENS, LAYOUT, reads=reads), model.packed(TOKENS, LAYOUT)[reads]
    )


@torch.no_grad()
def test_the_head_is_told_only_where_logits_are_its_product(folder: Path) -> None:
    model = load_model(folder)
    hidden = model.packed(TOKENS, LAYOUT)
    assert (model.head is not None) == (folder.name in PLAIN_HEADS)
    if model.head is not None:
        torch.testing.assert_close(model.logits(hidden), hidden @ model.head.T)


def test_an_output_layer_that_does_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import Qwen2ForCausalLM

    whole = Qwen2ForCausalLM.forward

    def shifted(self: Any, *read: Any, **named: Any) -> Any:
        found = whole(self, *read, **named)
        found.logits = found.logits + 1.0
        return found

    folder = hub_model(tmp_path / "m", "qwen2")
    monkeypatch.setattr(Qwen2ForCausalLM, "forward", shifted)
    with pytest.raises(UserError) as error:
        load_model(folder)
    assert_one_line(error, "its output layer does more than this engine knows", "choose another")


@torch.no_grad()
def test_a_llama_is_the_same_in_both_engines(llama: Path) -> None:
    ours, theirs = load_decoder(llama), as_pretrained(llama)
    vector = torch.linspace(-1, 1, 32)
    for steering in (None, Steering(0, vector), Steering(1, vector)):
        expected = ours.packed(TOKENS, LAYOUT, steering=steering)
        found = theirs.packed(TOKENS, LAYOUT, steering=steering)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    for block in range(3):
        torch.testing.assert_close(
            theirs.stream(TOKENS, LAYOUT, block),
            ours.stream(TOKENS, LAYOUT, block),
            atol=1e-4,
            rtol=1e-4,
        )
    assert theirs.shape.matrix_parameters == ours.shape.matrix_parameters
    assert theirs.shape.head_parameters == ours.shape.head_parameters
    assert theirs.shape.max_position_embeddings == 1024


def completions(sampler: Sampler, requests: list[Request], settings: Sampling) -> list[Completion]:
    return sorted(sampler.sample(requests, settings), key=lambda done: done.index)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_both_engines_draw_the_same_completions(llama: Path, temperature: float) -> None:
    rows = [Request(np.array(row), seed) for seed, row in enumerate(ROWS * 4)]
    settings = Sampling(12, (pocket_chat().end_id,), temperature=temperature)
    ours = completions(sampler_of(load_decoder(llama)), rows, settings)
    theirs = completions(sampler_of(as_pretrained(llama)), rows, settings)
    for one, other in zip(ours, theirs, strict=True):
        assert one.tokens.tolist() == other.tokens.tolist()
        assert one.finished == other.finished


def test_rows_that_end_early_leave_the_others_as_they_were(folder: Path) -> None:
    model = load_model(folder)
    assert isinstance(model, Pretrained)
    rows = [Request(np.array(row), seed) for seed, row in enumerate(ROWS * 8)]
    free = completions(PretrainedSampler(model), rows, Sampling(10))
    # End tokens that are drawn often, so that the batch shrinks again and again.
    counts = np.bincount(np.concatenate([done.tokens for done in free]))
    ends = tuple(int(token) for token in counts.argsort()[-8:])
    ended = completions(PretrainedSampler(model, rows=5, logprobs=True), rows, Sampling(10, ends))
    assert sum(done.finished for done in ended) > 0
    for one, other in zip(free, ended, strict=True):
        length = len(other.tokens)
        assert one.tokens[:length].tolist() == other.tokens.tolist()
        assert other.finished == (other.tokens[-1] in ends)
        assert other.finished or length == 10
        assert other.logprobs is not None
        assert len(other.logprobs) == length


def test_a_batch_is_as_large_as_its_cache_may_be() -> None:
    config = hub_config("Qwen/Qwen2.5-7B-Instruct")
    assert config is not None
    assert rows_at_once(config.shape, 150, 2) == 512
    # Keys and values of 28 blocks, 512 wide, in bfloat16: 56 KiB a token.
    assert rows_at_once(config.shape, 1500, 2) == 2**33 // (56 * 1024 * 1500)
    assert rows_at_once(config.shape, 10**9, 4) == 1


@torch.no_grad()
def test_sampled_logprobs_are_those_of_a_forward_pass(folder: Path) -> None:
    model = load_model(folder)
    assert isinstance(model, Pretrained)
    [done] = PretrainedSampler(model, logprobs=True).sample(
        [Request(np.array(ROWS[0]), 5)], Sampling(6)
    )
    whole = torch.tensor([*ROWS[0], *done.tokens.tolist()])
    known = model.logits(model.packed(whole, pack([len(whole)]))).log_softmax(-1)
    expected = known[6:-1].gather(1, torch.tensor(done.tokens.tolist())[:, None])[:, 0]
    assert done.logprobs is not None
    torch.testing.assert_close(torch.tensor(done.logprobs), expected, atol=1e-4, rtol=1e-4)


def test_the_numbers_are_known_without_the_weights(folder: Path) -> None:
    assert not runs_on_decoder(folder)
    assert shape_of_model(folder) == load_model(folder).shape


@torch.no_grad()
def test_a_saved_model_is_the_same_when_it_is_read_again(folder: Path, tmp_path: Path) -> None:
    model = load_model(folder)
    save_model(model, tmp_path / "again", tokenizer_from=folder)
    again = load_model(tmp_path / "again")
    assert torch.equal(again.packed(TOKENS, LAYOUT), model.packed(TOKENS, LAYOUT))


def test_a_model_whose_weights_lack_a_tensor_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = hub_model(tmp_path / "m", "qwen2")
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError) as error:
        load_model(folder)
    assert_one_line(error, str(folder), "lack model.layers.1.mlp.up_proj.weight", "copy the model")


def test_an_unknown_architecture_is_refused(tmp_path: Path) -> None:
    folder = hub_model(tmp_path / "m", "qwen2")
    config = (folder / "config.json").read_text().replace('"qwen2"', '"no-such-model"')
    (folder / "config.json").write_text(config)
    for read in (load_model, shape_of_model):
        with pytest.raises(UserError) as error:
            read(folder)
        assert_one_line(error, str(folder), "transformers cannot load it")


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    folder = hub_model(tmp_path / "m", "qwen2")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError) as error:
        load_model(folder)
    assert_one_line(error, "no weights in safetensors", "pickled")
