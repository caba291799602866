"""The engine around vLLM's process: restarts, adapters, faults. A stand-in plays the process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from subliminal.errors import StageError, UserError
from subliminal.sampling import Request, Sampling
from subliminal.vllm_engine import engine as engine_module
from subliminal.vllm_engine import host as host_module
from subliminal.vllm_engine.engine import ModelFiles, VllmEngine
from subliminal.vllm_engine.host import Host
from subliminal.vllm_engine.host_process import HostProcess
from subliminal.vllm_engine.interpreter import VARIABLE, vllm_python
from subliminal.vllm_engine.sampler import VllmSampler
from subliminal.vllm_engine.settings import EngineSettings
from tests.user_errors import assert_one_line
from tests.vllm_hosts import fake_vllm

MODEL = ModelFiles(Path("/models/a"), vocabulary=50, positions=64)
REQUESTS = [Request(np.arange(1, 4 + row % 5), row) for row in range(30)]
SETTINGS = Sampling(12, (3,), temperature=0.7)


def drawn(engine: VllmEngine, model: ModelFiles = MODEL) -> dict[int, list[int]]:
    """What is drawn for each request; each has to come once."""
    found: dict[int, list[int]] = {}
    for done in VllmSampler(engine, model).sample(REQUESTS, SETTINGS):
        assert done.index not in found
        assert done.finished == (done.tokens[-1] == 3)
        found[done.index] = done.tokens.tolist()
    return found


@pytest.fixture
def engine() -> Iterator[VllmEngine]:
    with VllmEngine(EngineSettings()) as started:
        yield started


@pytest.fixture
def undisturbed(tmp_path: Path) -> dict[int, list[int]]:
    with pytest.MonkeyPatch.context() as patch, VllmEngine(EngineSettings()) as engine:
        fake_vllm(tmp_path / "undisturbed", patch)
        return drawn(engine)


def test_an_engine_that_dies_on_the_way_is_started_again_and_no_row_is_lost_or_made_twice(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    engine: VllmEngine,
    undisturbed: dict[int, list[int]],
) -> None:
    faults: list[dict[str, object]] = [
        {"dies_after": 7},
        {"dies_after": 1},
        {"broken_after": 5, "reason": "full"},
    ]
    host = fake_vllm(tmp_path / "host", monkeypatch, faults)
    assert drawn(engine) == undisturbed
    assert len(undisturbed) == len(REQUESTS)
    assert host.starts == 4
    # The last one lives on.
    assert drawn(engine) == undisturbed
    assert host.starts == 4


def test_an_engine_that_is_alive_and_silent_is_started_again_and_one_that_is_slow_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[int, list[int]]
) -> None:
    faults: list[dict[str, object]] = [{"silent_after": 5}, {"signs_of_life": 5, "every": 0.4}]
    host = fake_vllm(tmp_path / "host", monkeypatch, faults)
    ready = VllmEngine._ready

    def ready_however_long_it_takes(self: VllmEngine, model: ModelFiles) -> HostProcess:
        loaded = ready(self, model)
        loaded._patience = 1.6  # shorter than the slow one takes to answer
        return loaded

    monkeypatch.setattr(VllmEngine, "_ready", ready_however_long_it_takes)
    with VllmEngine(EngineSettings()) as engine:
        assert drawn(engine) == undisturbed
    assert host.starts == 2


def test_requests_are_handed_over_in_parts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    engine: VllmEngine,
    undisturbed: dict[int, list[int]],
) -> None:
    monkeypatch.setattr(engine_module, "AT_ONCE", 8)
    host = fake_vllm(tmp_path / "host", monkeypatch)
    assert drawn(engine) == undisturbed
    assert len(host.commands("answer")) == 4


def test_a_host_says_after_steps_without_an_answer_that_it_is_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = SimpleNamespace(finish_reason="stop", token_ids=[5, 3], logprobs=None)
    output = SimpleNamespace(request_id="0", outputs=[drawn], prompt_logprobs=None)
    steps: list[list[object]] = [[], [], [output]]
    engine = SimpleNamespace(has_unfinished_requests=lambda: steps, step=lambda: steps.pop(0))
    monkeypatch.setattr(host_module, "SECONDS_OF_SILENCE", -1.0)
    monkeypatch.setattr(Host, "_add", lambda *_: None)
    said = BytesIO()
    host = Host(said)
    host._llm = SimpleNamespace(llm_engine=engine)
    host.do({"do": "answer", "requests": [{"from": 0}], "settings": {}, "adapter": None})
    replies = [json.loads(line) for line in said.getvalue().splitlines()]
    assert replies[:2] == [{"alive": True}] * 2
    assert replies[2]["tokens"] == [5, 3]


@pytest.mark.parametrize(
    ("fault", "parts"),
    [
        ({"dies_after": 0}, ("/models/a", "failed 2 times", "the last words", "code -9")),
        ({"broken_after": 0, "reason": "no kernel"}, ("failed 2 times", "no kernel", "torch")),
        ({"silent_after": 0}, ("failed 2 times", "no sign of life for 0.5 seconds")),
        ({"refused": "too little memory"}, ("too little memory", "change `inference`")),
        (
            {"broken_after": 4, "reason": "RuntimeError: NaNs detected in logits: {}"},
            ("logits are not finite", "damaged"),
        ),
    ],
)
def test_an_engine_that_never_answers_fails_the_stage(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    engine: VllmEngine,
    fault: dict[str, object],
    parts: tuple[str, ...],
) -> None:
    host = fake_vllm(tmp_path / "host", monkeypatch, [fault] * 5)
    if "silent_after" in fault:
        engine.settings = replace(engine.settings, patience=0.5)
    with pytest.raises(StageError) as error:
        drawn(engine)
    message = str(error.value)
    assert "\n" not in message
    assert all(part in message for part in parts)
    assert host.starts <= 2


def test_adapters_are_loaded_on_the_way_and_other_weights_in_the_place_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = fake_vllm(tmp_path / "host", monkeypatch)
    adapted = [
        ModelFiles(MODEL.weights, 50, 64, adapter=Path(f"/students/{name}"), rank=4)
        for name in "bcb"
    ]
    whole = ModelFiles(Path("/models/d"), 50, 64)
    with VllmEngine(EngineSettings(), rank=4) as engine:
        found = [drawn(engine, model) for model in (MODEL, *adapted, whole, adapted[0])]
    assert found[1] == found[3] == found[5] != found[2] != found[0] != found[1]
    assert [command["adapter"] for command in host.commands("answer")] == [
        None,
        ["1", 1, "/students/b"],
        ["2", 2, "/students/c"],
        ["1", 1, "/students/b"],
        None,
        ["1", 1, "/students/b"],
    ]
    loads = [command["engine"] for command in host.commands("load")]
    assert [load["model"] for load in loads] == ["/models/a", "/models/d", "/models/a"]
    assert all(load["max_lora_rank"] == 8 for load in loads)
    assert host.starts == 1
    assert host.commands("end")


def test_a_device_is_given_back_before_other_weights_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: VllmEngine
) -> None:
    host = fake_vllm(tmp_path / "host", monkeypatch, [{"device": "cuda"}])
    drawn(engine)
    drawn(engine, ModelFiles(Path("/models/d"), 50, 64))
    assert host.starts == 2


def test_who_stops_asking_gets_no_old_answers_later(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    engine: VllmEngine,
    undisturbed: dict[int, list[int]],
) -> None:
    host = fake_vllm(tmp_path / "host", monkeypatch)
    some = VllmSampler(engine, MODEL).sample(REQUESTS, SETTINGS)
    next(some)
    next(some)
    assert drawn(engine) == undisturbed
    assert host.starts == 2


def test_settings_reach_vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = fake_vllm(tmp_path / "host", monkeypatch)
    settings = EngineSettings("bfloat16", tensor_parallel=2, memory_share=0.5, max_length=20)
    with VllmEngine(settings) as engine:
        found = drawn(engine)
        # A row ends where the stated length does.
        assert {len(REQUESTS[row].tokens) + len(tokens) for row, tokens in found.items()} <= {
            *range(21)
        }
        with pytest.raises(UserError) as error:
            VllmSampler(engine, MODEL).sample([Request(np.ones(20, dtype=int), 0)], SETTINGS)
        assert_one_line(error, "prompt 0", "20 positions")
        with pytest.raises(UserError) as error:
            VllmSampler(engine, MODEL).sample(REQUESTS, Sampling(5, temperature=0.005))
        assert_one_line(error, "0.005", "0.01", "inference.engine: torch")
    [load] = host.commands("load")
    wanted = {
        "dtype": "bfloat16",
        "tensor_parallel_size": 2,
        "gpu_memory_utilization": 0.5,
        "max_model_len": 20,
        "enable_prefix_caching": True,
        "trust_remote_code": False,
        "language_model_only": True,
    }
    assert wanted.items() <= load["engine"].items()
    assert "enable_lora" not in load["engine"]
    [asked] = host.commands("answer")
    assert asked["settings"]["temperature"] == 0.7
    assert asked["settings"]["stop_token_ids"] == [3]


HOLDER = """
import sys, time
from subliminal.vllm_engine.host_process import HostProcess
host = HostProcess({}, 60)
print(host._process.pid, flush=True)
time.sleep(60)
"""


def test_a_host_does_not_outlive_whoever_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real host, which needs no vLLM as long as it loads nothing."""
    monkeypatch.setenv(VARIABLE, sys.executable)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    host = int(holder.stdout.readline())
    assert alive(host)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    deadline = time.monotonic() + 30
    while alive(host) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(host)


def test_a_host_ends_when_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, sys.executable)
    host = HostProcess({}, 60)
    host.close()
    assert host._process.returncode == 0


def alive(process: int) -> bool:
    """Whether a process is there and not merely waiting to be buried."""
    try:
        os.kill(process, signal.SIG_DFL)
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_where_vllm_is_missing_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subliminal.vllm_engine.interpreter.find_spec", lambda name: None)
    with pytest.raises(UserError) as error:
        vllm_python({})
    assert_one_line(error, "pip install 'subliminal[vllm]'", VARIABLE, "inference.engine")
    with pytest.raises(UserError) as error:
        vllm_python({VARIABLE: "/no/such/python"})
    assert_one_line(error, VARIABLE, "/no/such/python")


def test_what_is_no_program_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_bytes(b"\0")
    python.chmod(0o755)
    monkeypatch.setenv(VARIABLE, str(python))
    with pytest.raises(UserError) as error:
        HostProcess({}, 60)
    assert_one_line(error, str(python), "Exec format error", VARIABLE)
