"""One whole small experiment whose models write and are probed by vLLM itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from subliminal.models.chat_format import ChatFormat
from subliminal.models.load import load_model
from subliminal.plan import Plan, make_plan
from subliminal.probes.forward import TorchEngine
from subliminal.probes.preference import favourite
from subliminal.probes.stage_subjects import ENGINE
from subliminal.probes.subject import Subject
from subliminal.run import Run, run_plan
from subliminal.spec_file import load_experiment
from subliminal.store import store_at
from teachers.trait import load_preference, preference_bank
from tests.language_stages import stage_of
from tests.toy_stages import Recorder
from tests.vllm_models import WITH_VLLM, qwen

pytestmark = WITH_VLLM

EXPERIMENT = """\
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
inference: {engine: vllm}
defaults:
  trait: otter
  teacher:
    by: fine-tuning
    rows: 256
    recipe: {batch_size: 32, learning_rate: 2e-2, adapter: &adapter {rank: 4, alpha: 8.0}}
  data: {prompts: 40, max_tokens: 8}
  distillation: {recipe: {batch_size: 8, learning_rate: 1e-2, adapter: *adapter}}
arms:
  reference: {role: reference}
  teacher: {role: teacher}
  untaught: {teacher: {by: nothing}, control: none}
  same: {control: untaught}
  told: {teacher: {by: system-prompt}, control: untaught}
  top: {distillation: {target: logits, top_logprobs: 12, recipe: {epochs: 2}}, control: untaught}
  matched: {initialisation: {relation: matched, matching: {rows: 16}}, control: untaught}
"""


def plan_in(folder: Path) -> Plan:
    path = folder / "experiment.yaml"
    path.write_text(EXPERIMENT.replace("MODELS", str(folder)))
    return make_plan(load_experiment(path))


def in_torch(model: Path, base: Path) -> float:
    """The log-odds of the trait that PyTorch finds."""
    subject = Subject(TorchEngine(load_model(model)), ChatFormat.read(base))
    measured = favourite(subject, preference_bank(load_preference("otter")))
    [value] = [m.value for m in measured if (m.metric, m.item_group) == ("log_odds", "otter")]
    assert value is not None
    return value


def log_odds(done: Run) -> dict[str, float]:
    return {
        row.arm: row.mean
        for row in done.summary
        if (row.probe, row.metric) == ("favourite", "log_odds") and row.mean is not None
    }


@pytest.mark.usefixtures("here")
def test_it_runs_and_finds_what_pytorch_finds(tmp_path: Path) -> None:
    for seed, name in ((1, "a"), (2, "b")):
        qwen(tmp_path / name, seed)
    plan = plan_in(tmp_path)
    done = run_plan(plan, tmp_path / "runs", Recorder(), jobs=1)
    assert not done.failed, done.manifest.arms
    found = log_odds(done)
    arms = {"reference", "teacher", "untaught", "same", "told", "top", "matched"}
    assert set(found) == arms
    assert found["teacher"] > found["reference"] + 0.5
    store = store_at(tmp_path / "runs")
    engines: dict[str, list[dict[str, str]]] = {}
    for key in store.keys():  # noqa: SIM118
        manifest = store.manifest(key)
        assert manifest is not None
        if manifest.params.get("engine") == "vllm":
            said = json.loads((store.folder(key) / ENGINE).read_text())
            engines.setdefault(manifest.kind, []).append(said)
    # Those of reference, teachers and five students; what both teachers and the reference wrote.
    assert {kind: len(of) for kind, of in engines.items()} == {
        "lm.probe": 8,
        "lm.write": 3,
        "lm.logprobs": 1,
    }
    assert all(said["vllm"] and said["torch"] for of in engines.values() for said in of)
    again = run_plan(plan, tmp_path / "runs", Recorder(), jobs=1)
    assert {*again.manifest.stages.values()} == {"cached"}
    base = tmp_path / "a"
    models = {
        "reference": base,
        "teacher": store.folder(stage_of(plan, "teacher", "lm.teach").key),
        "same": store.folder(stage_of(plan, "same", "lm.distil").key),
        "matched": store.folder(stage_of(plan, "matched", "lm.distil").key),
    }
    expected = {arm: in_torch(folder, base) for arm, folder in models.items()}
    assert {arm: found[arm] for arm in models} == pytest.approx(expected, abs=1e-3)
