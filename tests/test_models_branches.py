"""Rows that share their prompts: what is read once is what is read for each row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from subliminal.models import branches
from subliminal.models.branches import branches_of, can_branch, groups_of
from subliminal.models.load import load_model
from subliminal.models.pretrained import Pretrained
from subliminal.models.steering import Steering
from subliminal.probes import forward
from subliminal.probes.forward import TorchEngine
from tests.hub_models import hub_model
from tests.models import random_model

WINDOW = 7
"""Shorter than most prompts, so that what a window hides is hidden."""
MODELS: dict[str, dict[str, Any]] = {
    "qwen2": {},
    "mistral": {"sliding_window": WINDOW},
    "gemma2": {"sliding_window": WINDOW},
    "gemma3": {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"]},
    "llama": {},
}


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pretrained:
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("hub") / request.param
    if request.param == "llama":
        network = AutoModelForCausalLM.from_pretrained(random_model(folder), dtype=torch.float32)
        return Pretrained(network)
    found = load_model(hub_model(folder, request.param, **MODELS[request.param]))
    assert isinstance(found, Pretrained)
    return found


def branching_rows(prompts: int = 6, rests: int = 9) -> tuple[list[list[int]], list[int]]:
    """Rows of prompts and rests of many lengths, in no order; each rest behind each prompt."""
    random = np.random.default_rng(0)
    asked = [random.integers(0, 900, 3 + 4 * place).tolist() for place in range(prompts)]
    answers = [random.integers(0, 900, 1 + place % 4).tolist() for place in range(rests)]
    pairs = [(prompt, answer) for prompt in asked for answer in answers]
    pairs = [pairs[place] for place in random.permutation(len(pairs))]
    return [[*prompt, *answer] for prompt, answer in pairs], [len(prompt) for prompt, _ in pairs]


@pytest.fixture
def tokens_read(model: Pretrained) -> Any:
    """The shapes of what a model's body is handed."""
    seen: list[tuple[int, int]] = []
    handle = model.network.get_decoder().register_forward_pre_hook(
        lambda _module, _read, named: seen.append(tuple(named["input_ids"].shape)),
        with_kwargs=True,
    )
    yield seen
    handle.remove()


def apart(
    engine: TorchEngine, rows: Sequence[Sequence[int]], starts: Sequence[int]
) -> torch.Tensor:
    """The likelihood of each row when it is asked for alone."""
    found = [engine.log_likelihoods([row], [at]) for row, at in zip(rows, starts, strict=True)]
    return torch.cat(found)


def test_likelihoods_are_those_of_rows_read_alone(
    model: Pretrained, tokens_read: list[tuple[int, int]]
) -> None:
    rows, starts = branching_rows()
    steered = Steering(0, torch.linspace(-1, 1, model.shape.hidden_size))
    for engine in (TorchEngine(model), TorchEngine(model, steering=steered)):
        expected = apart(engine, rows, starts)
        tokens_read.clear()
        found = engine.log_likelihoods(rows, starts)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-5)
        assert expected.std() > 1.0  # so that the comparison can fail
        # Six prompts of up to 23 tokens, and what stands behind them but the last token of each.
        assert tokens_read == [(6, 23), (36, 3)]


def test_groups_of_any_size_give_the_same(
    model: Pretrained, monkeypatch: pytest.MonkeyPatch, tokens_read: list[tuple[int, int]]
) -> None:
    rows, starts = branching_rows()
    engine = TorchEngine(model)
    expected = engine.log_likelihoods(rows, starts)
    tokens_read.clear()
    of_token = 2 * 4 * model.shape.key_value_size * 2
    monkeypatch.setattr(branches, "CACHE_BYTES", 100 * of_token)
    monkeypatch.setattr(forward, "_TOKENS", 40)
    found = engine.log_likelihoods(rows, starts)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-5)
    assert len(tokens_read) > 10
    assert max(rows * length for rows, length in tokens_read) <= 40
    cut = branches_of(rows, starts)
    assert cut is not None
    for group in groups_of(cut, model, 40):
        longest = max(len(b.prompt) for b in group) + max(len(b.rest) for b in group)
        assert len(group) * longest <= 100


def test_rows_up_to_the_last_position_are_read(tmp_path: Path) -> None:
    """What pads the others would stand behind it, where a table of positions ends."""
    model = load_model(hub_model(tmp_path, "gpt2", n_positions=24, n_embd=32, n_head=4, n_layer=2))
    rows, starts = branching_rows()
    rows, starts = [*rows, list(range(24))], [*starts, 23]
    engine = TorchEngine(model)
    torch.testing.assert_close(
        engine.log_likelihoods(rows, starts), apart(engine, rows, starts), atol=1e-4, rtol=1e-5
    )


def test_rows_that_share_little_are_read_as_before(
    model: Pretrained, tokens_read: list[tuple[int, int]]
) -> None:
    assert branches_of([[1, 2, 3, 4], [1, 5, 6, 7]], [1, 1]) is None
    assert branches_of([], []) is None
    assert branches_of([[1, 2, 3], [1, 2, 3]], [3, 2]) is None
    TorchEngine(model).log_likelihoods([[1, 2, 3, 4], [1, 5, 6, 7]], [1, 1])
    assert tokens_read == [(2, 4)]


def test_a_model_with_states_of_other_kinds_reads_rows_as_before(tmp_path: Path) -> None:
    """A convolution's state is no key."""
    fields: dict[str, Any] = {"layer_types": ["conv", "full_attention"], "norm_eps": 1e-5}
    model = load_model(hub_model(tmp_path, "lfm2", **fields))
    assert isinstance(model, Pretrained)
    assert not can_branch(model.network)
    rows, starts = branching_rows()
    engine = TorchEngine(model)
    torch.testing.assert_close(
        engine.log_likelihoods(rows, starts), apart(engine, rows, starts), atol=1e-4, rtol=1e-5
    )
