"""The commit of a model that the hub's cache holds is recorded, whether or not it was stated."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import huggingface_hub
import pytest

from subliminal.errors import UserError
from subliminal.models.load import ADAPTER_CONFIG, BASE, load_model
from subliminal.models.names import find_model, pinned
from subliminal.plan import make_plan
from subliminal.report import build_report
from subliminal.run import Run, run_plan
from subliminal.spec_file import load_experiment
from subliminal.store import store_at
from tests.hub_models import hub_model
from tests.toy_stages import Recorder
from tests.user_errors import assert_one_line

NAME, OLD, NEW = "owner/tiny", "a" * 40, "0123456789abcdef" * 2 + "01234567"
EXPERIMENT = """\
kind: language
name: tiny
model: {model}
precision: float32
seeds: 1
filter: []
statistics: {{teacher_shift: null}}
probing: {{probes: [favourite], side_effects: false}}
arms:
  teacher:
    role: teacher
    trait: otter
    teacher: {{by: fine-tuning, rows: 8, recipe: {{adapter: {{rank: 1}}}}}}
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache as the hub's library fills it, with two commits of a model, and no network."""
    repository = tmp_path / "hub" / "models--owner--tiny"
    for seed, commit in enumerate((OLD, NEW)):
        hub_model(repository / "snapshots" / commit, "qwen2", seed)
    for branch, commit in (("main", NEW), ("v1", OLD)):
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / branch).write_text(commit)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return repository


def run(folder: Path, model: str) -> Run:
    folder.mkdir(exist_ok=True)
    (folder / "experiment.yaml").write_text(EXPERIMENT.format(model=model))
    plan = make_plan(load_experiment(folder / "experiment.yaml"))
    return run_plan(plan, folder / "runs", Recorder(), jobs=1)


def test_a_model_is_found_at_the_commit_of_its_branch(cache: Path, tmp_path: Path) -> None:
    for name, commit in ((NAME, NEW), (f"{NAME}@v1", OLD), (f"{NAME}@{OLD}", OLD)):
        assert find_model(name) == cache / "snapshots" / commit
        assert pinned(name, find_model(name)) == f"{NAME}@{commit}"
    for name in ("owner/none", f"{NAME}@v2"):
        with pytest.raises(UserError) as error:
            find_model(name)
        assert_one_line(error, f"model {name!r}", "nor in the hub's cache")
    assert pinned("a", shutil.copytree(cache / "snapshots" / OLD, tmp_path / OLD)) is None


@pytest.mark.usefixtures("here")
def test_the_commit_is_recorded_wherever_the_model_is_named(cache: Path, tmp_path: Path) -> None:
    done = run(tmp_path / "a", NAME)
    assert not done.failed, done.manifest.arms
    assert done.manifest.pinned == [f"{NAME}@{NEW}"]
    assert f"<code>{NAME}@{NEW}</code>" in build_report(done.folder).read_text()
    store = store_at(tmp_path / "a" / "runs")
    manifests = {m.kind: m for m in map(store.manifest, store.keys()) if m is not None}
    assert manifests.keys() == {"lm.teach", "lm.probe"}
    assert all(m.pinned == {"model": f"{NAME}@{NEW}"} for m in manifests.values())
    adapter = store.folder(manifests["lm.teach"].key)
    assert json.loads((adapter / BASE).read_text())["name"] == f"{NAME}@{NEW}"
    config = json.loads((adapter / ADAPTER_CONFIG).read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == (NAME, NEW)

    # The branch moves on: the adapter is still read with what it was trained on.
    (cache / "refs" / "main").write_text(OLD)
    load_model(adapter)


@pytest.mark.usefixtures("here")
def test_what_is_computed_hangs_on_the_files_and_not_on_the_commit(
    cache: Path, tmp_path: Path
) -> None:
    first = run(tmp_path / "a", NAME)
    same = cache / "snapshots" / ("b" * 40)
    shutil.copytree(cache / "snapshots" / NEW, same)
    (cache / "refs" / "main").write_text(same.name)
    for name in (NAME, f"{NAME}@{same.name}"):
        again = run(tmp_path / "a", name)
        assert again.manifest.pinned == [f"{NAME}@{same.name}"]
        assert again.manifest.stages == dict.fromkeys(first.manifest.stages, "cached")
    (cache / "refs" / "main").write_text(OLD)
    assert "computed" in run(tmp_path / "a", NAME).manifest.stages.values()
