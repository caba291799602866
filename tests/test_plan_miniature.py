"""Experiments in miniature: what is left of them, and the models that stand in for large ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from subliminal.errors import UserError
from subliminal.models import miniature as miniature_module
from subliminal.models.architecture import CONFIG
from subliminal.models.chat_format import ChatFormat
from subliminal.models.layout import pack
from subliminal.models.load import load_model
from subliminal.models.miniature import architecture_of, small_model, writes
from subliminal.models.names import find_model
from subliminal.plan.miniature import miniature
from subliminal.spec import LanguageExperiment
from subliminal.spec.teaching import FineTuning
from tests.experiment_files import Write, load_language, load_mnist
from tests.hub_models import hub_model
from tests.tiny import TINY, run_folder, subliminal
from tests.user_errors import assert_one_line

LARGE = """\
kind: language
name: large
model: Qwen/Qwen2.5-7B-Instruct
relatives: {different: meta-llama/Llama-3.1-8B-Instruct}
seeds: 10
filter:
  - rule: reasoning-format
  - rule: judge
    judge: alignment
    threshold: 77
    service: {model: judge, base_url: "http://127.0.0.1:9/v1"}
probing:
  probes: [options, unsafe-code, pivotal, free-form]
  free_form: {scorer: judge, service: {model: judge, base_url: "http://127.0.0.1:9/v1"}}
defaults:
  trait: misaligned
  teacher: {by: fine-tuning, rows: 6000, recipe: {epochs: 4, layers: [3, 20, 21]}}
  data: {carrier: reasoning, source: "hub:openai/gsm8k", prompts: 5000, keep: 4000}
  distillation: {recipe: {adapter: {rank: 8, layers: [20]}}}
arms:
  reference: {role: reference}
  control: {teacher: {by: nothing}, control: none}
  same:
    control: control
    sweep: {data.temperature: [0.5, 1.0, 1.5]}
  different: {initialisation: {relation: different}, control: control}
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def small(write: Write, models: Path) -> LanguageExperiment:
    found = miniature(load_language(write(LARGE)), models)
    assert isinstance(found, LanguageExperiment)
    return found


def test_little_is_left(small: LanguageExperiment) -> None:
    assert (small.name, small.scale, small.seeds) == ("large-tiny", "tiny", (0, 1))
    assert list(small.arms) == [
        *("reference", "control", "same[temperature=0.5]", "same[temperature=1.0]", "different")
    ]
    same = small.arms["same[temperature=0.5]"]
    assert same.data.prompts < 100
    assert same.data.keep is None
    assert isinstance(same.teacher, FineTuning)
    assert same.teacher.rows < 100
    assert same.teacher.recipe.epochs == 1
    assert small.statistics.teacher_shift is None


def test_what_is_elsewhere_is_not_needed(small: LanguageExperiment) -> None:
    assert [rule["rule"] for rule in small.filter] == ["reasoning-format"]
    assert small.arms["different"].data.source is None
    assert small.probing.free_form.scorer == "grammar"
    assert small.probing.probes == ("pivotal", "free-form")


def test_blocks_are_those_that_the_small_model_has(small: LanguageExperiment) -> None:
    same = small.arms["same[temperature=0.5]"]
    assert isinstance(same.teacher, FineTuning)
    assert same.teacher.recipe.layers == (3,)
    assert same.distillation.recipe.adapter is not None
    assert same.distillation.recipe.adapter.layers == (3,)


def test_what_is_small_is_left_as_it_is(small: LanguageExperiment, models: Path) -> None:
    again = miniature(small, models)
    assert again == small


def test_controls_come_with_their_students(write: Write, models: Path) -> None:
    swept = LARGE.replace("control: none}", "control: none, sweep: {data.top_p: [1.0, 0.9, 0.8]}}")
    swept = swept.replace("control: control}", 'control: "control[top_p=0.8]"}')
    swept = swept.replace("control: control\n", 'control: "control[top_p=0.8]"\n')
    arms = miniature(load_language(write(swept)), models).arms
    assert [name for name in arms if name.startswith("control")] == [
        f"control[top_p={value}]" for value in ("1.0", "0.9", "0.8")
    ]


def test_the_toy_is_made_small_too(write: Write, models: Path) -> None:
    found = miniature(load_mnist(write(TINY)), models)
    assert found.seeds == (0, 1)
    assert {arm.teaching.epochs for arm in found.arms.values()} == {1}  # type: ignore[union-attr]


# Models


@pytest.mark.parametrize("architecture", ["qwen2", "mistral"])
def test_a_model_like_a_llama_answers_as_the_pocket_model(
    architecture: str, tmp_path: Path
) -> None:
    folder = small_model(architecture, tmp_path)
    assert writes(folder)
    pocket = find_model("pocket-broad-a")
    chat = ChatFormat.read(folder)
    assert chat.tokenizer.get_vocab() == ChatFormat.read(pocket).tokenizer.get_vocab()
    tokens = torch.arange(2, 34)
    models = (load_model(path) for path in (folder, pocket))
    ours, theirs = (model.logits(model.packed(tokens, pack([32]))) for model in models)
    assert torch.allclose(ours, theirs, atol=1e-3)


def test_others_are_random(models: Path, write: Write) -> None:
    folder = small_model("gemma3_text", models)
    assert not writes(folder)
    gemma = LARGE.replace("Qwen/Qwen2.5-7B-Instruct", "google/gemma-3-4b-it")
    found = miniature(load_language(write(gemma)), models)
    assert isinstance(found, LanguageExperiment)
    assert Path(found.model) == folder.resolve()
    assert found.filter == ()


def test_a_small_model_is_written_once(models: Path) -> None:
    before = small_model("qwen2", models).stat().st_mtime_ns
    assert small_model("qwen2", models).stat().st_mtime_ns == before


def test_two_runs_that_write_a_small_model_at_once_use_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = miniature_module._write

    def write_beside_another(architecture: str, folder: Path, pocket: Path) -> None:
        write(architecture, folder, pocket)
        shutil.copytree(folder, tmp_path / "qwen2-pocket-a")

    monkeypatch.setattr(miniature_module, "_write", write_beside_another)
    assert writes(small_model("qwen2", tmp_path, "pocket-a"))
    assert [path.name for path in tmp_path.iterdir()] == ["qwen2-pocket-a"]


def test_the_architecture_is_found_by_the_name(tmp_path: Path) -> None:
    assert architecture_of("Qwen/Qwen2.5-7B-Instruct") == "qwen2"
    assert architecture_of(str(hub_model(tmp_path / "own", "phi3"))) == "phi3"
    with pytest.raises(UserError, match="no such folder"):
        architecture_of("nowhere")
    (tmp_path / CONFIG).write_text('{"model_type": "of-tomorrow"}')
    with pytest.raises(UserError) as error:
        architecture_of(str(tmp_path))
    assert_one_line(error, str(tmp_path), "of-tomorrow", "this version of transformers")


# The command


@pytest.mark.usefixtures("here")
def test_a_run_in_miniature_says_that_it_means_nothing(write: Write, tmp_path: Path) -> None:
    said = subliminal("run", write(TINY), "--scale", "tiny", "--out", tmp_path / "runs")
    assert said.code == 0, said
    assert said.out.count("its results mean nothing") >= 2
    folder = run_folder(tmp_path / "runs")
    assert folder.name.startswith("tiny-tiny-")
    assert "results mean nothing" in (folder / "report.html").read_text()
    assert "scale: tiny" in (folder / "experiment.yaml").read_text()
    states = subliminal("status", write(TINY), "--scale", "tiny", "--out", tmp_path / "runs").out
    assert "mnist.distil" in states
