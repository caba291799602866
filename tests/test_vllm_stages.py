"""An experiment whose models write by vLLM: its stages, their keys, and who takes turns."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from subliminal import machine
from subliminal.chat_rows import ROWS, read_chat_rows
from subliminal.errors import UserError
from subliminal.executors.ray_needs import Node, Sizing
from subliminal.plan import Plan, inference, stage_kinds
from subliminal.probes.stage_subjects import ENGINE
from subliminal.run import spec_hash
from tests.hub_models import hub_model
from tests.language_stages import HEAD, STUDENTS, Workshop, plan_of, stage_of
from tests.user_errors import assert_one_line
from tests.vllm_hosts import fake_vllm

BY_VLLM = "inference.engine=vllm"
STEERED = f"{STUDENTS}  steered: {{teacher: {{by: steering}}, control: untaught}}\n"


@pytest.fixture(autouse=True)
def _vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_vllm(tmp_path / "host", monkeypatch)


def keys(plan: Plan, *kinds: str) -> set[str]:
    """Of the stages of some kinds."""
    return {key for key, stage in plan.stages.items() if stage.kind in kinds}


def test_the_engine_stands_in_the_keys_of_what_it_answers_and_nothing_else_does(
    tmp_path: Path,
) -> None:
    usual, torch = plan_of(tmp_path), plan_of(tmp_path, STUDENTS, "inference.engine=torch")
    vllm = plan_of(tmp_path, STUDENTS, BY_VLLM)
    tuned = plan_of(tmp_path, STUDENTS, BY_VLLM, "inference.memory_share=0.3")
    assert [*usual.stages] == [*torch.stages]
    assert spec_hash(usual.experiment) == spec_hash(torch.experiment)
    assert [*vllm.stages] == [*tuned.stages]
    assert spec_hash(vllm.experiment) == spec_hash(tuned.experiment) != spec_hash(torch.experiment)
    trained = ("lm.teach", "lm.gate")
    assert keys(vllm, *trained) == keys(torch, *trained) != set()
    answered = ("lm.write", "lm.probe")
    assert not keys(vllm, *answered) & keys(torch, *answered)
    for stage in torch.stages.values():
        assert "engine" not in stage.params
        assert stage.shares is None


def test_what_one_engine_can_answer_is_one_lot(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, STUDENTS, BY_VLLM, "seeds=2")
    for kind in ("lm.write", "lm.probe"):
        lots = {plan.stages[key].lot for key in keys(plan, kind)}
        assert len(lots) == 1
        assert stage_kinds()[kind].most(plan.stages[min(keys(plan, kind))]) > 10
    taught = stage_of(plan, "teacher", "lm.teach")
    assert stage_kinds()["lm.teach"].most(taught) == 1
    elsewhere = plan_of(tmp_path, STUDENTS, BY_VLLM, "inference.memory_share=0.3")
    written = [stage_of(each, "same", "lm.write") for each in (plan, elsewhere)]
    assert written[0].key == written[1].key
    assert written[0].lot != written[1].lot


def test_tensor_parallel_takes_so_many_devices_of_a_node(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, STUDENTS, BY_VLLM, "inference.tensor_parallel=4")
    node = Node(cpus=16, gpus=8, memory_bytes=2**37)
    sizing = Sizing.of([node], None)
    assert sizing.needs([stage_of(plan, "same", "lm.write")]).gpus == 4
    assert sizing.needs([stage_of(plan, "same", "lm.distil")]).gpus == 1
    with pytest.raises(UserError, match="needs 4 GPUs"):
        sizing.check(plan.stages.values(), [Node(16, 2, 2**37)])


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub_model(tmp_path_factory.mktemp("hub"), "qwen2")


@pytest.mark.parametrize(
    ("arms", "installed", "devices", "model", "engine"),
    [
        (STUDENTS, True, ["H100"], "{hub}", "vllm"),
        (STUDENTS, False, ["H100"], "{hub}", "torch"),
        (STUDENTS, True, [], "{hub}", "torch"),
        (STUDENTS, True, ["H100"], "pocket-a", "torch"),
        (STEERED, True, ["H100"], "{hub}", "torch"),
    ],
)
def test_auto_takes_vllm_where_it_is_there_and_gains(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hub: Path,
    arms: str,
    installed: bool,
    devices: list[str],
    model: str,
    engine: str,
) -> None:
    monkeypatch.setattr(inference, "has_vllm", lambda: installed)
    monkeypatch.setattr(machine, "cuda_devices", lambda: devices)
    head = HEAD.replace("model: {models}/a", f"model: {model.format(hub=hub)}")
    plan = plan_of(tmp_path, arms, "inference.tensor_parallel=2", head=head)
    chosen = plan.experiment.inference  # type: ignore[union-attr]
    assert chosen.engine == engine
    assert chosen.tensor_parallel == (2 if engine == "vllm" else 1)


@pytest.mark.parametrize(
    ("arms", "overrides", "parts"),
    [
        (STEERED, [BY_VLLM], ("arms.steered.teacher", "adds no vectors", "torch")),
        (
            STUDENTS,
            [BY_VLLM, "arms.same.data.temperature=0.002"],
            ("arms.same.data.temperature", "0.01"),
        ),
        (
            STUDENTS,
            ["inference.engine=torch", "inference.tensor_parallel=2"],
            ("inference", "takes no `tensor_parallel`"),
        ),
    ],
)
def test_what_vllm_cannot_do_is_refused_before_any_work(
    tmp_path: Path, arms: str, overrides: list[str], parts: tuple[str, ...]
) -> None:
    with pytest.raises(UserError) as error:
        plan_of(tmp_path, arms, *overrides)
    assert_one_line(error, *parts)


def test_vllm_that_is_not_installed_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUBLIMINAL_VLLM_PYTHON")
    monkeypatch.setattr("subliminal.vllm_engine.interpreter.find_spec", lambda name: None)
    with pytest.raises(UserError) as error:
        plan_of(tmp_path, STUDENTS, BY_VLLM)
    assert_one_line(error, "inference.engine", "pip install")


def written(folder: Path) -> list[str]:
    return [json.dumps(row["messages"]) for row in read_chat_rows(folder / ROWS)]


@pytest.fixture
def rows(tmp_path: Path) -> Callable[[str], list[str]]:
    def write(name: str) -> list[str]:
        shop = Workshop(plan_of(tmp_path, STUDENTS, BY_VLLM), tmp_path / name)
        return written(shop.make("untaught", "lm.write"))

    return write


def test_rows_that_an_engine_wrote_before_it_died_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: Callable[[str], list[str]]
) -> None:
    whole = rows("whole")
    host = fake_vllm(tmp_path / "dying", monkeypatch, [{"dies_after": 9}, {"dies_after": 3}])
    assert rows("disturbed") == whole
    assert len(whole) == 24
    assert host.starts == 3
    shop = Workshop(plan_of(tmp_path, STUDENTS, BY_VLLM), tmp_path / "disturbed")
    said = json.loads((shop.make("untaught", "lm.write") / ENGINE).read_text())
    assert said == {"vllm": "0", "torch": "0", "device": "cpu"}


def test_what_a_failed_stage_wrote_is_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: Callable[[str], list[str]]
) -> None:
    """The engine fails for good, and the run is begun again later."""
    whole = rows("whole")
    fake_vllm(tmp_path / "dying", monkeypatch, [{"dies_after": 9}, {"dies_after": 0}])
    shop = Workshop(plan_of(tmp_path, STUDENTS, BY_VLLM), tmp_path / "again")
    report = shop.report(stage_of(shop.plan, "untaught", "lm.write"))
    assert report.state == "failed"
    assert "vLLM cannot run it" in (report.reason or "")
    host = fake_vllm(tmp_path / "well", monkeypatch)
    assert rows("again") == whole
    [asked] = host.commands("answer")
    assert asked["count"] == 24 - 9
