"""The JSON schema of experiment files agrees with what they may say."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from subliminal.spec.mnist import MnistArm
from subliminal.spec_file import json_schema, load_experiment
from tests.experiment_files import VALID

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def test_the_schema_is_a_schema_and_the_caller_s_own() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    json_schema()["$defs"].clear()
    assert "MnistArm" in json_schema()["$defs"]


def shipped() -> list[Path]:
    files = sorted(EXPERIMENTS.rglob("*.yaml"))
    return [path for path in files if re.search("^(arms|defaults):", path.read_text(), re.M)]


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.stem)
def test_every_shipped_experiment_fits_the_schema(path: Path) -> None:
    data = YAML(typ="safe", pure=True).load(path)
    VALIDATOR.validate(data)
    if "name" in data:
        assert load_experiment(path).arms


@pytest.mark.parametrize(
    "text",
    [
        VALID,
        "preset: mnist-published\ninclude: [a.yaml]\narms:\n  a:\n",
        "arms: {a: {sweep: [{network.auxiliary: [1], distillation.liminal: [null]}]}}",
        "sweep: {network.hidden: [[1], [2, 3]]}",
        "arms: {a: {role: student}}",
        "kind: language\narms: {a: {trait: otter, teacher: {}, data: {prompts: 9}}}",
        "arms: {a: {teacher: {by: steering, layer: 2}, distillation: {recipe: {adapter: null}}}}",
        "kind: language\nsweep: {trait: [otter], teacher.by: [steering], teacher.recipe.clip: [1]}",
        "kind: language\nfilter: [{rule: words, list: [a]}]\nprobing: {probes: [story]}",
    ],
)
def test_the_schema_takes_what_a_file_may_say(text: str) -> None:
    VALIDATOR.validate(YAML(typ="safe", pure=True).load(text))


@pytest.mark.parametrize(
    "text",
    [
        "sead: 3",
        "arms: {a: {distilation: {}}}",
        "arms: {a: {distillation: {epoch: 3}}}",
        "defaults: {network: {auxilary: 3}}",
        "sweep: {network.auxilary: [1]}",
        "sweep: [{network.auxiliary: 1}]",
        "arms: {a: {teaching: {epochs: true}}}",
        "arms: {a: {teaching: {epochs: '3'}}}",
        "kind: langauge",
        "kind: language\ndata_folder: here",
        "kind: mnist\narms: {a: {trait: otter}}",
        "kind: language\narms: {a: {teacher: {by: steering, rows: 3}}}",
        "kind: language\narms: {a: {teacher: {by: prompting}}}",
        "kind: language\nsweep: {teacher.row: [1]}",
        "arms: {a: {trait: otter, traits: [digits]}}",
    ],
)
def test_the_schema_refuses_what_is_misspelt(text: str) -> None:
    assert not VALIDATOR.is_valid(YAML(typ="safe", pure=True).load(text))


def test_the_schema_keeps_descriptions() -> None:
    definitions = json_schema()["$defs"]
    arm = definitions["MnistArm"]["properties"]
    assert arm["traits"]["description"] == MnistArm.model_fields["traits"].description
    assert definitions["LanguageExperiment"]["properties"]["include"]["description"]
