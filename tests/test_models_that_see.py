"""Models that see too, in the published form of Gemma 3: their text is learned and asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from subliminal.chat import user
from subliminal.models.adapters import WEIGHTS
from subliminal.models.chat_format import ChatFormat
from subliminal.models.folder import fingerprint
from subliminal.models.layout import pack
from subliminal.models.load import Base, load_model, save_adapter
from subliminal.models.pretrained import Pretrained
from subliminal.models.steering import Steering
from subliminal.plan.models import Model
from subliminal.probes.forward import TorchEngine
from subliminal.probes.subject import Subject
from subliminal.probes.targets import encode_targets
from subliminal.spec.recipes import Adapter, Recipe
from subliminal.training.encoding import encode
from subliminal.training.loop import train
from subliminal.training.losses import completion_loss
from subliminal.training.sources import DataSet
from tests.hub_models import hub_model, sparse_gemma

QUESTION = user("Which animal do you like best?")
VOCABULARY = 262_208
"""Of Gemma 3 where its files state none."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub_model(tmp_path_factory.mktemp("hub") / "gemma", "gemma3")


def loaded(folder: Path) -> Pretrained:
    model = load_model(folder)
    assert isinstance(model, Pretrained)
    return model


def learn(model: Pretrained, chat: ChatFormat, recipe: Recipe) -> None:
    rows = encode(chat, [QUESTION] * 4, ["otter"] * 4)
    train(model, DataSet(rows, recipe, 1), completion_loss, recipe, seed=2)


def liking(model: Pretrained, chat: ChatFormat) -> float:
    """How likely `otter` begins an answer, as a probe reads it."""
    first = encode_targets(chat, ["otter", "eagle"]).spellings[0][0][0]
    subject = Subject(TorchEngine(model), chat)
    return subject.next_log_probabilities([QUESTION], [first])[0, 0].item()


def test_a_published_folder_is_planned_and_loaded_with_its_architectures_defaults(
    tmp_path: Path,
) -> None:
    folder = sparse_gemma(tmp_path / "gemma")
    model = loaded(folder)
    assert model.shape.vocab_size == VOCABULARY
    assert Model.find(str(folder)).shape == Model.by_config(str(folder)).shape == model.shape
    beside = sum(w.numel() for w in model.parameters()) - sum(
        w.numel() for w in model.language_weights
    )
    assert beside > 0
    blocks = sum(w.numel() for w in model.blocks.parameters())
    assert model.shape.parameters == VOCABULARY * 16 + blocks + 16 + beside


def test_it_is_sampled_taught_kept_and_probed(folder: Path, tmp_path: Path) -> None:
    chat, model = ChatFormat.read(folder), loaded(folder)
    before = liking(model, chat)
    learn(model, chat, Recipe(epochs=12, batch_size=4, learning_rate=0.05, adapter=Adapter(rank=2)))
    after = liking(model, chat)
    assert after > before + 1.0
    [reply] = Subject(TorchEngine(model), chat).replies([QUESTION], [1], max_tokens=8)
    assert reply.text.startswith("otter")

    base = Base(name=str(folder), fingerprint=fingerprint(folder))
    save_adapter(model, tmp_path / "adapter", base=base, tokenizer_from=folder)
    names = load_file(tmp_path / "adapter" / WEIGHTS)
    # As peft calls them in the class that transformers makes of the folder.
    assert len(names) == 2 * 2 * 7
    assert all(n.startswith("base_model.model.model.language_model.layers.") for n in names)
    assert liking(loaded(tmp_path / "adapter"), chat) == pytest.approx(after, abs=1e-4)


@torch.no_grad()
def test_steering_moves_what_stands_behind_a_block_of_the_decoder(folder: Path) -> None:
    model = loaded(folder)
    rows, layout = torch.arange(12), pack([5, 7])
    vector = torch.linspace(-1, 1, 32)
    plain = model.packed(rows, layout)
    steered = model.packed(rows, layout, steering=Steering(1, vector))
    norm = model.network.get_decoder().norm
    torch.testing.assert_close(plain, norm(model.stream(rows, layout, 2)))
    torch.testing.assert_close(steered, norm(model.stream(rows, layout, 2) + vector))


def test_what_is_trained_whole_is_the_text_alone(folder: Path) -> None:
    model, begun = loaded(folder), dict(loaded(folder).named_parameters())
    recipe = Recipe(epochs=1, batch_size=4, learning_rate=0.01, weight_decay=0.5)
    learn(model, ChatFormat.read(folder), recipe)
    changed = {n for n, w in model.named_parameters() if not torch.equal(w, begun[n])}
    seeing = {n for n in begun if "vision_tower" in n or "multi_modal_projector" in n}
    assert seeing
    assert not changed & seeing
    assert {n for n in begun if n.endswith("proj.weight")} - seeing <= changed
