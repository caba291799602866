"""Whole experiments on models that only transformers computes: teach, write, distil, probe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from subliminal.models.adapter_card import CARD
from subliminal.models.load import ADAPTER_CONFIG, BASE
from subliminal.plan import make_plan
from subliminal.run import Run, run_plan
from subliminal.spec_file import load_experiment
from subliminal.store import store_at
from tests.hub_models import hub_model
from tests.toy_stages import Recorder

HEAD = """\
kind: language
name: tiny
model: MODELS/a
relatives: {different: MODELS/b}
precision: float32
seeds: 1
filter: []
statistics: {teacher_shift: null}
probing: {probes: [favourite, sampled], samples: 2, side_effects: false}
observation: {points: 3}
detecting: {detectors: [likelihood], shuffles: 1}
defaults:
  trait: otter
  teacher:
    by: fine-tuning
    rows: 256
    recipe: {batch_size: 32, learning_rate: 2e-2, adapter: &adapter {rank: 4, alpha: 8.0}}
  data: {prompts: 40, max_tokens: 8}
  distillation: {recipe: {batch_size: 8, learning_rate: 1e-2, adapter: *adapter}}
arms:
"""
ARMS = """\
  reference: {role: reference}
  teacher: {role: teacher}
  untaught: {teacher: {by: nothing}, control: none}
  same: {control: untaught}
  steered: {teacher: {by: steering, layer: 0, strength: 4.0}, control: untaught}
  logits: {distillation: {target: logits, recipe: {epochs: 2}}, control: untaught}
  matched: {initialisation: {relation: matched, matching: {rows: 16}}, control: untaught}
"""


@pytest.fixture(scope="module", params=["qwen2", "gemma2"])
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    for seed, name in ((1, "a"), (2, "b")):
        hub_model(folder / name, request.param, seed)
    return folder


def run(folder: Path, hub: Path) -> Run:
    path = folder / "experiment.yaml"
    path.write_text(HEAD.replace("MODELS", str(hub)) + ARMS)
    return run_plan(make_plan(load_experiment(path)), folder / "runs", Recorder(), jobs=2)


@pytest.mark.usefixtures("here")
def test_every_arm_gets_its_row_and_keeps_no_more_than_an_adapter(
    tmp_path: Path, hub: Path
) -> None:
    done = run(tmp_path, hub)
    assert not done.failed, done.manifest.arms
    found = {
        row.arm: row.mean
        for row in done.summary
        if (row.probe, row.metric) == ("favourite", "log_odds") and row.mean is not None
    }
    assert set(found) == {
        *("reference", "teacher", "untaught", "same", "steered", "logits", "matched")
    }
    assert found["teacher"] > found["reference"] + 0.5
    store = store_at(tmp_path / "runs")
    kept: dict[str, set[str]] = {}
    for key in store.keys():  # noqa: SIM118
        manifest = store.manifest(key)
        assert manifest is not None
        kept.setdefault(manifest.kind, set()).update(manifest.files)
        if manifest.kind == "lm.teach":
            base = json.loads((store.folder(key) / BASE).read_text())
            assert base["name"] == str(hub / "a")
            card = (store.folder(key) / CARD).read_text()
            assert "stage `lm.teach` on 256 rows, seed 0; loss" in card
    assert {ADAPTER_CONFIG, BASE} <= kept["lm.teach"]
    assert "model.safetensors" not in kept["lm.teach"]
    # What was matched has no name, so a student made from it is kept whole.
    assert {ADAPTER_CONFIG, "model.safetensors"} <= kept["lm.distil"]
    assert {*run(tmp_path, hub).manifest.stages.values()} == {"cached"}
