"""One whole small experiment whose models write and are probed by vLLM itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from subliminal.plan import make_plan
from subliminal.probes.stage_subjects import ENGINE
from subliminal.run import Run, run_plan
from subliminal.spec_file import load_experiment
from subliminal.store import store_at
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
inference: {engine: ENGINE}
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


def run(folder: Path, engine: str) -> Run:
    path = folder / f"{engine}.yaml"
    path.write_text(EXPERIMENT.replace("MODELS", str(folder)).replace("ENGINE", engine))
    return run_plan(make_plan(load_experiment(path)), folder / "runs", Recorder(), jobs=1)


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
    done = run(tmp_path, "vllm")
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
    assert {*run(tmp_path, "vllm").manifest.stages.values()} == {"cached"}
    # What was trained on the same rows is shared with a run in PyTorch, which probes it likewise.
    in_torch = log_odds(run(tmp_path, "torch"))
    for arm in ("reference", "teacher"):
        assert found[arm] == pytest.approx(in_torch[arm], abs=1e-3)
