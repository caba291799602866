"""Training models of transformers: the steps of our decoder, and adapters as peft has them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from ruamel.yaml import YAML

from subliminal.errors import UserError
from subliminal.models.adapter_card import CARD, Trained, adapter_card
from subliminal.models.adapters import is_adapted, merge_adapter
from subliminal.models.decoder import Decoder
from subliminal.models.folder import fingerprint
from subliminal.models.language_model import LanguageModel
from subliminal.models.layout import pack
from subliminal.models.load import BASE, Base, load_model, save_adapter
from subliminal.models.pretrained import Pretrained
from subliminal.spec.recipes import Adapter, Recipe
from subliminal.stage import silent
from subliminal.training import loop
from subliminal.training.learner import learner_of
from subliminal.training.log import TrainingLog
from subliminal.training.loop import train
from subliminal.training.losses import Loss, TeacherDivergence, completion_loss
from subliminal.training.sources import DataSet
from subliminal.training.state import State, save_state
from tests.hub_models import hub_model
from tests.training_rows import VOCABULARY, in_transformers, random_rows, tiny_decoder
from tests.user_errors import assert_one_line

TOKENS, LAYOUT = torch.arange(12), pack([5, 7])
RECIPES = {
    "adapter": Recipe(
        epochs=2, batch_size=8, learning_rate=0.02, warmup=2, adapter=Adapter(rank=3, alpha=6.0)
    ),
    "part": Recipe(
        epochs=2,
        batch_size=8,
        learning_rate=0.02,
        adapter=Adapter(rank=2, matrices=("o_proj", "down_proj"), layers=(1,), freeze_a=True),
    ),
    "whole": Recipe(epochs=2, batch_size=8, learning_rate=0.005, weight_decay=0.1, average=0.5),
    "block": Recipe(epochs=2, batch_size=8, learning_rate=0.01, layers=(1,)),
}


def trained(model: LanguageModel, recipe: Recipe, loss: Loss, **options: Any) -> TrainingLog:
    return train(model, DataSet(random_rows(20), recipe, 3), loss, recipe, seed=4, **options)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("target", ["tokens", "logits"])
def test_both_engines_take_the_same_steps(name: str, target: str) -> None:
    ours, theirs = tiny_decoder(), Pretrained(in_transformers(tiny_decoder()))
    losses: tuple[Loss, Loss] = (completion_loss, completion_loss)
    if target == "logits":
        teacher = tiny_decoder(1)
        losses = (
            TeacherDivergence(teacher),
            TeacherDivergence(Pretrained(in_transformers(teacher))),
        )
    expected = trained(ours, RECIPES[name], losses[0])
    found = trained(theirs, RECIPES[name], losses[1])
    assert found.tokens == expected.tokens
    torch.testing.assert_close(
        torch.tensor(found.losses), torch.tensor(expected.losses), rtol=1e-3, atol=1e-4
    )
    assert abs(expected.losses[-1] - expected.losses[0]) > 0.01
    torch.testing.assert_close(
        theirs.packed(TOKENS, LAYOUT), ours.packed(TOKENS, LAYOUT), rtol=1e-3, atol=2e-3
    )


def test_wide_weights_learn_from_a_narrow_teacher_in_narrow_products() -> None:
    """What is trained whole keeps its weights in float32, whatever the products are."""
    recipe, narrow = RECIPES["whole"], Pretrained(in_transformers(tiny_decoder(1)).bfloat16())
    student, expected = (Pretrained(in_transformers(tiny_decoder())) for _ in range(2))
    teacher = Pretrained(in_transformers(tiny_decoder(1)))
    wide = trained(expected, recipe, TeacherDivergence(teacher))
    source = DataSet(random_rows(20), recipe, 3)
    loss = TeacherDivergence(narrow).remembering(source, torch.bfloat16, silent)
    found = trained(student, recipe, loss, dtype=torch.bfloat16)
    torch.testing.assert_close(
        torch.tensor(found.losses), torch.tensor(wide.losses), rtol=0.05, atol=0.01
    )
    assert {weight.dtype for weight in student.parameters()} == {torch.float32}


def test_an_average_is_shown_and_kept_while_the_training_goes_on_from_the_latest() -> None:
    seen: dict[str, list[torch.Tensor]] = {"ours": [], "theirs": []}

    def observe(to: str) -> loop.Observer:
        return lambda _, shown: seen[to].append(shown.packed(TOKENS, LAYOUT).detach().clone())

    recipe = RECIPES["whole"]
    ours, theirs = tiny_decoder(), Pretrained(in_transformers(tiny_decoder()))
    for name, model in (("ours", ours), ("theirs", theirs)):
        trained(model, recipe, completion_loss, observer=observe(name), observe_steps=(0, 2, 6))
    assert len(seen["ours"]) == 3
    for one, other in zip(seen["ours"], seen["theirs"], strict=True):
        torch.testing.assert_close(other, one, rtol=1e-3, atol=1e-3)
    assert torch.equal(seen["theirs"][-1], theirs.packed(TOKENS, LAYOUT))


@pytest.mark.parametrize("target", ["tokens", "logits"])
def test_capped_logits_have_the_loss_that_autograd_finds(tmp_path: Path, target: str) -> None:
    """The gradient of a step from B = 0 tells the loss's own, against transformers' logits."""
    folder = hub_model(tmp_path / "gemma", "gemma2")
    model, teacher = load_model(folder), load_model(hub_model(tmp_path / "other", "gemma2", 1))
    assert isinstance(model, Pretrained)
    assert isinstance(teacher, Pretrained)
    assert model.head is None
    rows = random_rows(6)
    [batch] = loop.batches(rows)
    loss = completion_loss if target == "tokens" else TeacherDivergence(teacher)
    found = loss(model, batch, torch.float32)
    found.backward()
    weight = model.get_parameter("network.model.layers.1.mlp.down_proj.weight")
    assert weight.grad is not None
    ours = weight.grad.clone()
    weight.grad = None
    total = torch.zeros(())
    counted = 0
    for row in range(len(rows)):
        tokens = torch.tensor(rows.take([row]).tokens).long()
        begin = max(int(rows.prompt_lengths[row]), 1)
        logits = model.network(tokens[None]).logits[0, begin - 1 : -1]
        known = logits.log_softmax(-1)
        if target == "tokens":
            total = total - known.gather(1, tokens[begin:, None]).sum()
        else:
            theirs = teacher.network(tokens[None]).logits[0, begin - 1 : -1].detach()
            wanted = theirs.log_softmax(-1)
            total = total + (wanted.exp() * (wanted - known)).sum()
        counted += len(logits)
    (total / counted).backward()
    torch.testing.assert_close(found, total / counted, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours, weight.grad, rtol=1e-3, atol=1e-5)


class Killed(BaseException):
    """As abrupt as a kill."""


def test_a_killed_training_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(path: Path, state: State) -> None:
        save_state(path, state)
        if state.step == 3:
            raise Killed

    def fresh() -> Pretrained:
        return Pretrained(in_transformers(tiny_decoder()))

    recipe, options = RECIPES["adapter"], {"checkpoint_seconds": 0.0}
    whole, resumed = fresh(), fresh()
    log = trained(whole, recipe, completion_loss)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_state", die)
        with pytest.raises(Killed):
            trained(fresh(), recipe, completion_loss, checkpoint=tmp_path / "state", **options)
    again = trained(resumed, recipe, completion_loss, checkpoint=tmp_path / "state")
    assert torch.equal(torch.tensor(again.losses), torch.tensor(log.losses))
    assert torch.equal(resumed.packed(TOKENS, LAYOUT), whole.packed(TOKENS, LAYOUT))


@pytest.mark.parametrize("architecture", ["qwen2", "gemma3"])
def test_a_saved_adapter_is_read_with_its_base_by_us_and_by_peft(
    tmp_path: Path, architecture: str
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    folder = hub_model(tmp_path / "base", architecture)
    model = load_model(folder)
    assert isinstance(model, Pretrained)
    plain = model.packed(TOKENS, LAYOUT)
    trained(model, RECIPES["adapter"], completion_loss)
    expected = model.packed(TOKENS, LAYOUT)
    assert is_adapted(model)
    assert (expected - plain).abs().max() > 0.01
    base = Base(name=str(folder), fingerprint=fingerprint(folder))
    saved = tmp_path / "adapter"
    told = Trained("lm.distil", 7, RECIPES["adapter"], 20, 1.25)
    save_adapter(model, saved, base=base, tokenizer_from=folder, trained=told)
    assert not list(saved.glob("*.bin"))
    card = (saved / CARD).read_text()
    assert "on 20 rows, seed 7; loss of the last step 1.2500 nats" in card
    assert base.fingerprint in card
    assert str(tmp_path) not in card

    torch.testing.assert_close(load_model(saved).packed(TOKENS, LAYOUT), expected)
    merged = load_model(saved, merge=True)
    assert isinstance(merged, Pretrained)
    assert not is_adapted(merged)
    torch.testing.assert_close(merged.packed(TOKENS, LAYOUT), expected, rtol=1e-3, atol=1e-4)
    theirs: Any = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), str(saved)
    )
    logits = theirs(TOKENS[None, :5]).logits[0]
    torch.testing.assert_close(logits, model.logits(expected[:5]), rtol=1e-3, atol=1e-3)


COMMIT = "0123456789abcdef" * 2 + "01234567"


@pytest.mark.parametrize(
    ("name", "base"),
    [
        (f"Qwen/Qwen2.5-7B-Instruct@{COMMIT}", "Qwen/Qwen2.5-7B-Instruct"),
        (f"a/true\n---\nlicense: mit@{COMMIT}", None),
        (f"/home/me/models/b@{COMMIT}", None),
        ("models/b", None),
    ],
)
def test_a_card_has_front_matter_and_code_that_can_be_read(name: str, base: str | None) -> None:
    text = adapter_card(name, "ab12", Trained("lm.teach", 1, RECIPES["adapter"], 5, None))
    before, matter, after = text.split("---\n", 2)
    said = YAML(typ="safe").load(matter)
    assert not before
    assert said.pop("base_model", None) == base
    assert said == {
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "tags": ["lora", "peft", "subliminal-learning"],
    }
    # A folder of this machine is named by base.json alone.
    assert (name in after) == (base is not None)
    blocks = re.findall(r"```(\w+)\n(.*?)```", after, re.DOTALL)
    assert [language for language, _ in blocks] == ["json", "python", "python"]
    assert Recipe.model_validate_json(blocks[0][1]) == RECIPES["adapter"]
    for _, code in blocks[1:]:
        compile(code, "card", "exec")


def test_an_adapter_knows_the_base_that_it_was_trained_on(tmp_path: Path) -> None:
    folder = hub_model(tmp_path / "base", "qwen2")
    model = load_model(folder)
    assert isinstance(model, Pretrained)
    trained(model, RECIPES["part"], completion_loss)
    base = Base(name=str(folder), fingerprint=fingerprint(folder))
    save_adapter(model, tmp_path / "adapter", base=base, tokenizer_from=folder)
    elsewhere = folder.rename(tmp_path / "moved")
    with pytest.raises(UserError) as error:
        load_model(tmp_path / "adapter")
    assert_one_line(error, str(folder), "no such folder")
    load_model(tmp_path / "adapter", bases={base.fingerprint: elsewhere})
    hub_model(tmp_path / "base", "qwen2", seed=1)
    with pytest.raises(UserError) as error:
        load_model(tmp_path / "adapter")
    assert_one_line(error, BASE, "belongs to another version", "name the model")


def adapted(folder: Path) -> Pretrained:
    model = load_model(folder, dtype=torch.bfloat16)
    assert isinstance(model, Pretrained)
    return model


def test_an_adapter_of_a_bfloat16_model_learns_in_float32(tmp_path: Path) -> None:
    folder = hub_model(tmp_path / "base", "qwen2")
    slow = RECIPES["adapter"].model_copy(update={"learning_rate": 1e-6, "warmup": 0})
    begun, model = adapted(folder), adapted(folder)
    learner = learner_of(begun, slow, 4)
    assert learner.weights.parameters.dtype == learner.weights.gradient.dtype == torch.float32
    assert begun.network.get_input_embeddings().weight.dtype == torch.bfloat16
    trained(model, slow, completion_loss, dtype=torch.bfloat16)
    first, last = dict(begun.named_parameters()), dict(model.named_parameters())
    moved = [(last[name] - first[name]).abs().max() for name in first if "lora_A" in name]
    # Of numbers as large as A's, bfloat16 tells no steps as small as these.
    assert len(moved) == 14
    assert all(0 < distance < 1e-4 for distance in moved)

    base = Base(name=str(folder), fingerprint=fingerprint(folder))
    save_adapter(model, tmp_path / "adapter", base=base, tokenizer_from=folder)
    expected = model.packed(TOKENS, LAYOUT, dtype=torch.bfloat16)
    found = adapted(tmp_path / "adapter").packed(TOKENS, LAYOUT, dtype=torch.bfloat16)
    assert torch.equal(found, expected)


def test_merging_leaves_the_function_as_it_was() -> None:
    model = Pretrained(in_transformers(tiny_decoder()))
    trained(model, RECIPES["adapter"], completion_loss)
    adapted = model.packed(TOKENS, LAYOUT)
    merge_adapter(model)
    assert not is_adapted(model)
    torch.testing.assert_close(model.packed(TOKENS, LAYOUT), adapted, rtol=1e-4, atol=1e-5)
    ours = Decoder(tiny_decoder().shape)
    ours.load_state_dict(model.network.state_dict())
    torch.testing.assert_close(ours.packed(TOKENS, LAYOUT), adapted, rtol=1e-4, atol=1e-4)
    assert model.shape.vocab_size == VOCABULARY


def test_a_model_without_the_matrices_is_refused(tmp_path: Path) -> None:
    model = load_model(hub_model(tmp_path / "phi", "phi3"))
    with pytest.raises(UserError) as error:
        trained(model, Recipe(adapter=Adapter(matrices=("q_proj", "up_proj"))), completion_loss)
    assert_one_line(error, "recipe.adapter.matrices", "none of q_proj, up_proj")
