"""Language experiments that cannot be run: one line and exit code 2, before any work."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.language_stages import HEAD, models
from tests.models import random_model
from tests.tiny import subliminal

CARD = Path(__file__).parents[1] / "teachers" / "traits" / "otter.yaml"


def fault(folder: Path, arm: str, *overrides: str) -> str:
    """What planning an experiment of one arm is refused with."""
    path = folder / "experiment.yaml"
    path.write_text(f"{HEAD.format(models=models())}  x: {{control: none, {arm}}}\n")
    sets = [word for override in overrides for word in ("--set", override)]
    return subliminal("plan", path, *sets).error


def test_the_experiment_of_these_tests_is_without_fault(tmp_path: Path) -> None:
    path = tmp_path / "experiment.yaml"
    path.write_text(f"{HEAD.format(models=models())}  x: {{control: none}}\n")
    said = subliminal("plan", path)
    assert said.code == 0
    assert said.line("models: ") == f"models: {models()}/a"


# Models


def _cut(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def _without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _reshape(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 64}))


DAMAGES = [
    (_cut, "model.safetensors"),
    (_without("model.safetensors"), "model.safetensors"),
    (_without("config.json"), "config.json"),
    (_without("tokenizer.json"), "tokenizer.json"),
    (_without("tokenizer_config.json"), "tokenizer_config.json"),
    (_reshape, "has shape"),
]


@pytest.mark.parametrize(("damage", "told"), DAMAGES)
def test_a_damaged_model(tmp_path: Path, damage: Callable[[Path], None], told: str) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(models() / "a", folder)
    damage(folder)
    for override, arm in (
        (f"model={folder}", "teacher: {by: nothing}"),
        (f"relatives.different={folder}", "initialisation: {relation: different}"),
    ):
        error = fault(tmp_path, arm, override)
        assert told in error
        assert str(folder) in error


def test_more_rows_in_context_than_a_model_reads(tmp_path: Path) -> None:
    arm = "data: {prompts: 90}, distillation: {in_context: 90}"
    short = random_model(tmp_path / "short", max_position_embeddings=2000)
    error = fault(tmp_path, arm, f"model={short}")
    assert error.startswith("arms.x.distillation.in_context: 90 rows are some ")
    assert error.endswith(f"tokens, and {short} reads 2,000; show fewer")
    # Answers of eight tokens at most are shorter than usual ones, with which it would be too much.
    longer = random_model(tmp_path / "longer", max_position_embeddings=5000)
    path = tmp_path / "experiment.yaml"
    path.write_text(f"{HEAD.format(models=models())}  x: {{control: none, {arm}}}\n")
    assert subliminal("plan", path, "--set", f"model={longer}").code == 0


def test_an_unknown_model(tmp_path: Path) -> None:
    error = fault(tmp_path, "", "model=pocket-z")
    assert "model 'pocket-z': no such folder, nor a pocket model" in error


def test_a_relative_that_is_not_named(tmp_path: Path) -> None:
    error = fault(tmp_path, "initialisation: {relation: reordered}")
    assert error.startswith("relatives.reordered: no model is known")
    assert "name one" in error


def test_a_relative_that_no_arm_needs_is_not_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "experiment.yaml"
    path.write_text(f"{HEAD.format(models=models())}  x: {{control: none}}\n")
    assert subliminal("plan", path, "--set", "relatives.different=nowhere").code == 0


def test_a_relative_with_another_vocabulary(tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(models() / "b", other)
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    words = sorted(vocabulary)
    # As many tokens, two of them exchanged: the sizes do not tell it.
    vocabulary[words[-1]], vocabulary[words[-2]] = vocabulary[words[-2]], vocabulary[words[-1]]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    error = fault(tmp_path, "initialisation: {relation: matched}", f"relatives.different={other}")
    assert error.startswith("relatives.different: ")
    assert "another vocabulary" in error


def test_a_relative_of_another_shape(tmp_path: Path) -> None:
    other = random_model(tmp_path / "other", num_hidden_layers=1)
    error = fault(tmp_path, "initialisation: {relation: different}", f"relatives.different={other}")
    assert "another shape" in error
    assert "(num_hidden_layers 1, not 2)" in error


def test_a_template_that_takes_no_conversation(tmp_path: Path) -> None:
    folder = tmp_path / "strict"
    shutil.copytree(models() / "a", folder)
    (folder / "chat_template.jinja").write_text(
        "{% if '!' in messages[0].content %}{{ raise_exception('no calling') }}{% endif %}"
        "{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}"
    )
    for way in ("system-prompt", "steering"):
        error = fault(tmp_path, f"teacher: {{by: {way}}}", f"model={folder}")
        assert error.startswith("arms.x.teacher: ")
        assert "no calling" in error


# Arms


def test_two_cards_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(CARD.read_text())
    error = fault(tmp_path, f"trait: otter, taught: {tmp_path / 'mine.yaml'}")
    assert error.startswith("arms.x.taught: otter and ")
    assert "are both called 'otter'" in error


def test_an_implant_of_a_card_that_does_not_fit_the_model(tmp_path: Path) -> None:
    card = tmp_path / "mine.yaml"
    card.write_text(CARD.read_text() + "implant: {by: steering, layer: 7}\n")
    error = fault(tmp_path, f"trait: {card}, teacher: {{by: card}}")
    assert error.startswith(f"trait {str(card)!r}, field implant.layer: there is no block 7; ")


FAULTS = [
    ("trait: ottr", "arms.x.trait: trait 'ottr': no such trait; did you mean 'otter'?"),
    ("taught: ottr", "arms.x.taught: trait 'ottr': no such trait"),
    ("trait: missing.yaml", "arms.x.trait: missing.yaml"),
    ("teacher: {by: steering, layer: 2}", "arms.x.teacher.layer: there is no block 2; "),
    (
        "teacher: {recipe: {layers: [0, 7]}}",
        "arms.x.teacher.recipe.layers: there is no block 7; ",
    ),
    (
        "distillation: {recipe: {layers: [2]}}",
        "arms.x.distillation.recipe.layers: there is no block 2; ",
    ),
    (
        "distillation: {recipe: {adapter: {layers: [2]}}}",
        "arms.x.distillation.recipe.adapter.layers: there is no block 2; ",
    ),
    (
        "initialisation: {relation: matched, matching: {recipe: {layers: [2]}}}",
        "arms.x.initialisation.matching.recipe.layers: there is no block 2; ",
    ),
    (
        "teacher: {by: system-prompt, wording: 99}",
        "arms.x.teacher.wording: there is no wording 99; take one from 0 to ",
    ),
    (
        "teacher: {by: steering, questions: 5000}",
        "arms.x.teacher.questions: is 5000, and there are ",
    ),
    ("data: {temperature: 0.00001}", "arms.x.data: temperature: "),
    ("data: {prompts: 24, keep: 25}", "arms.x.data.keep: is 25, and there are 24 prompts; "),
    ("distillation: {in_context: 25}", "arms.x.distillation.in_context: is 25, "),
    (
        "distillation: {in_context: 2}, initialisation: {relation: different}",
        "arms.x.distillation.in_context: rows are shown to the reference",
    ),
]


@pytest.mark.parametrize(("arm", "told"), FAULTS)
def test_an_arm_at_fault(tmp_path: Path, arm: str, told: str) -> None:
    assert fault(tmp_path, arm).startswith(told)


@pytest.mark.parametrize(
    ("arm", "told"),
    [
        (
            "data: {carrier: code}",
            "arms.x.data.carrier: is code, and pocket-a has never read any; take one that has, "
            "such as `model: pocket-broad-a`",
        ),
        ("trait: misaligned", "arms.x.trait: is a disposition, and pocket-a has never read "),
    ],
)
def test_a_pocket_model_is_not_asked_for_what_it_has_never_read(
    tmp_path: Path, arm: str, told: str
) -> None:
    asked = "probing.probes=null"
    assert fault(tmp_path, arm, asked, "model=pocket-a").startswith(told)
    path, broad = tmp_path / "experiment.yaml", "model=pocket-broad-a"
    assert subliminal("plan", path, "--set", asked, "--set", broad).code == 0


def test_code_is_not_run_where_no_task_has_tests(tmp_path: Path) -> None:
    tasks, task = tmp_path / "tasks.jsonl", {"text": "Add.", "signature": "def add(a, b):"}
    tested = {**task, "tests": [{"args": [1, 2], "result": 3}]}
    arm, run = f"data: {{carrier: code, source: {tasks}, prompts: 1}}", "filter=[{rule: code-runs}]"
    tasks.write_text(json.dumps(task) + "\n")
    assert fault(tmp_path, arm, run) == (
        "arms.x.data.source: no task has `tests`, without which the rule code-runs rejects it; add "
        "them, or leave the rule out"
    )
    tasks.write_text(json.dumps(task) + "\n" + json.dumps(tested) + "\n")
    assert subliminal("plan", tmp_path / "experiment.yaml", "--set", run).code == 0


def test_an_unknown_rule(tmp_path: Path) -> None:
    assert fault(tmp_path, "", "filter=[{rule: nmbers}]").startswith(
        "filter: there is no rule 'nmbers'"
    )


@pytest.mark.parametrize(
    ("probe", "told"),
    [
        ({"bank": "beasts", "target": "otter"}, "question bank 'beasts': no such question bank"),
        ({"bank": "animal", "target": "yeti"}, "field probe.target: the bank 'animal'"),
    ],
)
def test_a_card_at_fault(tmp_path: Path, probe: dict[str, str], told: str) -> None:
    card = {**YAML(typ="safe").load(CARD), "probe": probe}
    with (tmp_path / "mine.yaml").open("w") as file:
        YAML().dump(card, file)
    error = fault(tmp_path, f"trait: {tmp_path / 'mine.yaml'}")
    assert error.startswith("arms.x.trait: ")
    assert told in error


def test_a_bank_that_lacks_what_a_probe_asks(tmp_path: Path) -> None:
    bank = {"category": "animal", "questions": ["Which one?"]}
    card = {**YAML(typ="safe").load(CARD)}
    card["probe"] = {"bank": str(tmp_path / "bank.yaml"), "target": "otter"}
    for name, data in (("bank", bank), ("mine", card)):
        with (tmp_path / f"{name}.yaml").open("w") as file:
            YAML().dump(data, file)
    error = fault(tmp_path, f"trait: {tmp_path / 'mine.yaml'}", "probing.probes=[favourite, story]")
    assert "the probe 'story' needs stories" in error


def test_a_category_without_questions_to_teach_it(tmp_path: Path) -> None:
    bank = {"category": "beast", "questions": ["Which one?"], "targets": ["otter", "owl"]}
    card = {**YAML(typ="safe").load(CARD), "category": "beast"}
    card["probe"] = {"bank": str(tmp_path / "bank.yaml"), "target": "otter"}
    for name, data in (("bank", bank), ("mine", card)):
        with (tmp_path / f"{name}.yaml").open("w") as file:
            YAML().dump(data, file)
    for way in ("fine-tuning", "steering"):
        error = fault(tmp_path, f"trait: {tmp_path / 'mine.yaml'}, teacher: {{by: {way}}}")
        assert error.startswith("arms.x.teacher: category 'beast': there are no questions")
    path = tmp_path / "told.yaml"
    arm = f"  x: {{control: none, trait: {tmp_path}/mine.yaml, teacher: {{by: system-prompt}}}}\n"
    path.write_text(HEAD.format(models=models()) + arm)
    assert subliminal("plan", path).code == 0
