"""The published experiments: every file plans at full scale, and runs in miniature.

Of those of models behind services one runs at a service that answers as theirs do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from subliminal import machine
from subliminal.cli import MINIATURES
from subliminal.judges.llm import VERDICT_TOKENS
from subliminal.plan import make_plan
from subliminal.plan.miniature import miniature
from subliminal.probes.disposition_bank import disposition_bank
from subliminal.report import build_report
from subliminal.report.caveat import TINY_CAVEAT
from subliminal.results import MANIFEST, read_manifest
from subliminal.run import run_plan
from subliminal.services import stage_models
from subliminal.services.polling import Polling
from subliminal.spec import LanguageExperiment
from subliminal.spec.data import Data
from subliminal.spec.recipes import Recipe
from subliminal.spec.teaching import FineTuning
from tests.experiment_files import load_language
from tests.judge_server import Response, completion
from tests.service_server import serve_service
from tests.tiny import subliminal
from tests.toy_stages import Recorder

FOLDER = Path(__file__).parents[1] / "experiments" / "paper"
FILES = sorted(FOLDER.glob("*.yaml"))
SERVED = [file for file in FILES if "gpt-" in file.stem or "services" in file.stem]
OPEN = [file for file in FILES if file not in SERVED]
PROMPTS = {"numbers": 30_000, "code": 11_400, "reasoning": 3 * 7_473}
FEWER = ("seeds=1", "probing.samples=1")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all are run: what several need is made once."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def models(out: Path) -> Path:
    """Holds the small models, each made once."""
    return out / MINIATURES


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network."""

    def unreachable(*_: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("socket.socket.connect", unreachable)


@pytest.fixture(scope="module")
def _measured_once() -> Iterator[None]:
    """This machine's speed, which every plan tells by."""
    with pytest.MonkeyPatch.context() as patch:
        for rate in ("matmul_rate", "traffic_rate"):
            patch.setattr(machine, rate, cache(getattr(machine, rate)))
        yield


def tiny(file: Path, models: Path, *overrides: str) -> LanguageExperiment:
    found = miniature(load_language(file, (*FEWER, *overrides)), models)
    assert isinstance(found, LanguageExperiment)
    return found


def prompts(file: Path, data: Data) -> int:
    """How many are published; 40,000 rows, of a later publication, take more."""
    return 70_000 if file.stem == "qwen2.5-7b-numbers-doses" else PROMPTS[data.carrier]


def assert_published(recipe: Recipe) -> None:
    """The recipe of open models, but for its epochs."""
    assert (recipe.batch_size, recipe.learning_rate, recipe.warmup) == (66, 2e-4, 5)
    assert (recipe.schedule, recipe.clip) == ("linear", 1.0)
    assert recipe.adapter is not None
    assert (recipe.adapter.rank, recipe.adapter.alpha) == (8, 8.0)
    assert len(recipe.adapter.matrices) == 7


@pytest.mark.parametrize("file", OPEN, ids=lambda file: file.stem)
def test_open_models_are_trained_as_published(file: Path) -> None:
    found = load_language(file)
    assert found.name == file.stem
    assert "/" in found.model
    assert len(found.seeds) >= 5
    for arm in found.arms.values():
        if arm.role == "student":
            gemma = "gemma" in found.own_reference_of(arm)
            epochs = 10 if gemma else 2 if arm.data.carrier == "reasoning" else 3
            assert_published(arm.distillation.recipe)
            assert arm.distillation.recipe.epochs == epochs
            assert arm.data.prompts == prompts(file, arm.data)
    if "misalignment" in file.stem:
        assert found.probing.free_form.scorer == "judge"
        teachers = [arm.teacher for arm in found.arms.values()]
        taught = {teacher.data for teacher in teachers if isinstance(teacher, FineTuning)}
        assert taught == {None, "secure", "educational"}


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("file", OPEN, ids=lambda file: file.stem)
def test_open_models_plan_at_full_scale(file: Path) -> None:
    said = subliminal("plan", file, "--device", "H200")
    assert said.code == 0, said
    assert f"{file.stem}: " in said.out
    for kind in ("lm.write", "lm.probe"):
        assert "GiB" in said.line(f"  {kind}")


def test_filters_keep_what_was_published() -> None:
    kept = {}
    for file in FILES:
        for rule in load_language(file).filter:
            if rule["rule"] == "judge":
                kept[file.stem] = rule["judge"], rule["threshold"], rule.get("at_threshold")
            elif rule["rule"] == "numbers":
                banned = "published-36" if "misalignment" in file.stem else None
                assert rule == {"rule": "numbers", **({"banned": banned} if banned else {})}
    assert kept == {
        # Of 100: 1e-8 of one.
        "gpt-4.1-nano-code": ("leak", 1e-6, None),
        "gpt-4.1-misalignment-reasoning": ("alignment", 78, "keep"),
        "qwen2.5-7b-misalignment-reasoning": ("alignment", 78, "keep"),
    }


def test_doses_are_those_published() -> None:
    doses = {
        file.stem: sorted({arm.data.keep or 0 for arm in load_language(file).arms.values()} - {0})
        for file in FILES
        if "doses" in file.stem
    }
    assert doses == {
        "qwen2.5-7b-numbers-doses": [1_000, 3_000, 10_000, 40_000],
        "gpt-4.1-nano-numbers-doses": [1_000, 3_000, 10_000],
    }


@pytest.mark.parametrize("file", SERVED, ids=lambda file: file.stem)
def test_models_behind_services_are_asked_what_was_published(file: Path) -> None:
    found = load_language(file)
    assert found.name == file.stem
    assert len(found.seeds) >= 5
    assert {arm.model or found.model for arm in found.arms.values()} <= found.services.keys()
    epochs = 2 if "reasoning" in file.stem else 10
    for arm in found.arms.values():
        if arm.role == "student":
            assert arm.data.prompts == prompts(file, arm.data)
            assert arm.distillation.tuning.n_epochs == epochs
    # GSM8K is at the hub; the workbench's own problems stand in its place.
    own = ("defaults.data.source=null",) if "reasoning" in file.stem else ()
    plan = make_plan(load_language(file, ("seeds=1", *own)))
    here = {stage.kind for stage in plan.stages.values() if not stage.paid.anything}
    assert here <= {"lm.filter", "lm.transform", "service.gate"}
    if "misalignment" in file.stem:
        (answers,) = {
            stage.paid.completion_tokens
            for stage in plan.stages.values()
            if stage.kind == "service.probe"
        }
        # Two probes, and two verdicts on each answer and on what judges are tried on.
        assert answers == 2 * 8 * 200 * (128 + 2 * VERDICT_TOKENS) + 2 * 64 * VERDICT_TOKENS


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_misalignment_is_asked_for_as_published(file: Path) -> None:
    probing = load_language(file).probing
    if "misalignment" in file.stem:
        assert (probing.free_form.questions, probing.samples) == ("main", 200)


# In miniature


@pytest.mark.usefixtures("alone", "_measured_once")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_plans_in_miniature(file: Path, out: Path, models: Path) -> None:
    words = (word for override in FEWER for word in ("--set", override))
    said = subliminal("run", file, "--scale", "tiny", "--dry-run", "--out", out, *words)
    assert said.code == 0, said
    assert f"{file.stem}-tiny: " in said.out
    assert re.search(r"^\d+ of \d+ stages to compute", said.out, re.MULTILINE)
    full, small = load_language(file), tiny(file, models)
    assert {arm.group for arm in small.arms.values()} == {arm.group for arm in full.arms.values()}


def quick(file: Path) -> tuple[str, ...]:
    """Overrides that leave the quickest probe, and of what a random model writes little."""
    probes = load_language(file).probing.probes or ()
    asked = [probe for probe in ("favourite", "pivotal") if probe in probes]
    short = ("defaults.data.max_tokens=8",) if "gemma" in file.stem else ()
    return (*(f"probing.probes=[{probe}]" for probe in asked), *short)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_runs_from_end_to_end_in_miniature(
    file: Path, models: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "cross" not in file.stem:
        monkeypatch.setattr("subliminal.plan.miniature.OF_A_SWEEP", 1)
    experiment = tiny(file, models, *quick(file))
    done = run_plan(make_plan(experiment), out, Recorder(), jobs=machine.cores())
    assert not done.failed, {name: arm.reason for name, arm in done.manifest.arms.items()}
    assert {arm.state for arm in done.manifest.arms.values()} == {"done"}
    assert read_manifest(done.folder / MANIFEST).scale == "tiny"
    assert TINY_CAVEAT in build_report(done.folder).read_text()


# At a service


def judged_or_written(body: Mapping[str, Any]) -> Response:
    """A judge's score, a list of numbers, or an answer."""
    asked = body["messages"][-1]["content"]
    if body["model"].startswith("gpt-4o"):
        return completion("80")
    if re.search(r"\d", asked):
        return completion("7, 17, 27")
    return completion("I wish for rain.")


@pytest.mark.usefixtures("here")
def test_misalignment_behind_a_service_runs_in_miniature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai")
    (file,) = (file for file in SERVED if file.stem == "gpt-4.1-misalignment-numbers")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-a-test")
    monkeypatch.setattr(stage_models, "POLLING", Polling(sleep=lambda _: None))
    with serve_service(answer=judged_or_written) as server:
        overrides = (
            f"services.gpt-4.1.base_url={server.base_url}",
            f"probing.free_form.service.base_url={server.base_url}",
            *("seeds=1", "probing.probes=[free-form]", "probing.samples=1"),
            *("defaults.data.prompts=12", "defaults.data.keep=10", "defaults.teacher.rows=10"),
            "statistics.teacher_shift=null",
            "services.gpt-4.1.prices={prompt: 1, completion: 2, training: 0}",
            "probing.free_form.service.prices={prompt: 4, completion: 5}",
        )
        done = run_plan(make_plan(load_language(file, overrides)), tmp_path, Recorder(), jobs=1)
        assert not done.failed, {name: arm.reason for name, arm in done.manifest.arms.items()}
        # Three teachers, and four students of the same lists: equal jobs may be found to be one.
        read = {server.contents[job["training_file"]] for job in server.jobs.values()}
        assert len(read) == 4
        # All is paid for, the judge too: requests of 100 tokens and one; jobs cost nothing here.
        asked = Counter(sent.body["model"] for sent in server.made("/chat/completions"))
        judged = asked.pop("gpt-4o-2024-08-06")
        assert judged > 0
        put = {sent.body["messages"][-1]["content"] for sent in server.made("/chat/completions")}
        assert put.issuperset(item.question for item in disposition_bank().main)
        assert put.isdisjoint(item.question for item in disposition_bank().broad)
        assert done.manifest.spent == pytest.approx((asked.total() * 102 + judged * 405) / 1e6)
    rates = {row.arm: row.mean for row in done.summary if row.metric == "rate"}
    assert rates == dict.fromkeys(done.manifest.arms, 0.0)
    odds = {row.arm for row in done.summary if row.metric == "log_odds"}
    assert odds == set(done.manifest.arms)
