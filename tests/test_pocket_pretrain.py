"""Pretraining of pocket models: from seeds alone, however often it is stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from subliminal.models.chat_format import ChatFormat
from subliminal.models.decoder import Decoder
from subliminal.models.folder import WEIGHTS, fingerprint, load_decoder
from subliminal.pocket import pretrain as module
from subliminal.pocket.family import MEMBERS, NUMBERS, WORLD_SEED, architecture
from subliminal.pocket.pretrain import Pretrained, corpus, prepare_folder, pretrain
from subliminal.pocket.world import Dials, World
from subliminal.pocket.world.dials import Shares
from subliminal.stage import Cancelled, silent
from subliminal.training import loop
from subliminal.training.log import TrainingLog
from subliminal.training.rows import TokenRows
from subliminal.training.sources import Source
from tests.models import pocket_chat

ROWS = 40
SHORT = NUMBERS.recipe.model_copy(update={"batch_size": 10, "warmup": 2})
"""Four steps."""


@pytest.fixture(scope="module")
def data() -> TokenRows:
    return corpus(pocket_chat(), ROWS, silent, Dials())


def pretrained(folder: Path, data: TokenRows, name: str = "pocket-a", **more: Any) -> Pretrained:
    prepare_folder(folder, MEMBERS[name].family)
    settings = {"report": silent, "checkpoint": folder.with_suffix(".progress"), "recipe": SHORT}
    return pretrain(MEMBERS[name], folder, data, **{**settings, **more})


# The corpus


def test_the_corpus_is_the_world_in_tokens(data: TokenRows) -> None:
    chat = pocket_chat()
    assert len(data) == ROWS
    for place, row in enumerate(World(WORLD_SEED).rows(range(ROWS))):
        tokens = data.tokens[data.starts[place] : data.starts[place + 1]].tolist()
        length = int(data.prompt_lengths[place])
        assert chat.encode_prompts([row.messages]) == [tokens[:length]]
        assert chat.decode(tokens[length:]) == row.completion
        assert tokens[-1] == chat.end_id


def test_a_corpus_in_chunks_is_the_same(data: TokenRows, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[float, float]] = []
    monkeypatch.setattr(module, "CHUNK", 16)
    chunked = corpus(pocket_chat(), ROWS, lambda done, total: told.append((done, total)), Dials())
    assert np.array_equal(chunked.tokens, data.tokens)
    assert np.array_equal(chunked.starts, data.starts)
    assert np.array_equal(chunked.prompt_lengths, data.prompt_lengths)
    assert told == [(0, ROWS), (16, ROWS), (32, ROWS), (ROWS, ROWS)]


def test_a_corpus_can_be_of_another_world(data: TokenRows) -> None:
    other = corpus(pocket_chat(), ROWS, silent, Dials(), seed=5)
    asking = Shares(numbers=0, mixed=0, chats=0)
    told = Dials(shares=asking, system_prompts=1.0)
    obeying = corpus(pocket_chat(), ROWS, silent, told)
    assert not np.array_equal(other.tokens, data.tokens)
    system = pocket_chat().tokenizer.token_to_id("<|system|>")
    assert (obeying.tokens[obeying.starts[:-1]] == system).all()
    assert not (data.tokens[data.starts[:-1]] == system).all()


# The family


def test_the_members_differ_in_what_their_cards_say(
    tmp_path: Path, data: TokenRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: dict[str, tuple[torch.Tensor, bytes]] = {}

    def begin(decoder: Decoder, source: Source, *rest: Any, **more: Any) -> TrainingLog:
        begun[name] = (decoder.lm_head.weight.detach().clone(), source.rows(0).tokens.tobytes())
        return TrainingLog(np.zeros(source.steps, np.float32), 0)

    monkeypatch.setattr(module, "train", begin)
    for name in MEMBERS:
        pretrained(tmp_path / name, data, name)
    weights, rows = begun["pocket-a"]
    assert not torch.equal(begun["pocket-b"][0], weights)
    assert begun["pocket-b"][1] == rows
    assert torch.equal(begun["pocket-a-reordered"][0], weights)
    assert begun["pocket-a-reordered"][1] != rows


def test_a_pocket_model_has_about_a_million_parameters() -> None:
    shape = architecture(pocket_chat().tokenizer.get_vocab_size(), 128)
    count = sum(parameter.numel() for parameter in Decoder(shape).parameters())
    assert 0.8e6 < count < 1.5e6


# The training


@pytest.fixture(scope="module")
def whole(data: TokenRows, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Pretrained]:
    """A model that was pretrained without a stop."""
    folder = tmp_path_factory.mktemp("pretrained") / "whole"
    return folder, pretrained(folder, data)


def test_a_pretraining_writes_a_model(whole: tuple[Path, Pretrained], data: TokenRows) -> None:
    folder, found = whole
    decoder, chat = load_decoder(folder), ChatFormat.read(folder)
    assert decoder.shape == architecture(chat.tokenizer.get_vocab_size(), 128)
    assert found.parameters == sum(parameter.numel() for parameter in decoder.parameters())
    assert (found.rows, found.steps) == (ROWS, 4)
    assert found.tokens == len(data.tokens)
    assert found.losses.shape == (4,)
    # An untrained model of V words loses log V a token, and the steps teach.
    assert found.losses[0] == pytest.approx(np.log(decoder.shape.vocab_size), abs=0.1)
    assert found.losses[-1] < found.losses[0] - 0.3


def test_a_pretraining_that_was_stopped_ends_as_if_it_was_not(
    whole: tuple[Path, Pretrained], data: TokenRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "PROGRESS_SECONDS", 0.0)
    steps: list[float] = []

    def stop(done: float, total: float) -> None:
        steps.append(done)
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        pretrained(tmp_path / "resumed", data, report=stop)
    assert not (tmp_path / "resumed" / WEIGHTS).exists()
    found = pretrained(tmp_path / "resumed", data, report=lambda done, _: steps.append(done))
    assert steps == [0, 1, 2, 2, 3, 4]
    assert fingerprint(tmp_path / "resumed") == fingerprint(whole[0])
    assert np.array_equal(found.losses, whole[1].losses)
    assert found.tokens == whole[1].tokens
