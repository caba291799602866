"""`vllm serve` looked after: its start, adapters, death and end. A stand-in plays the server."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from subliminal.chat import user
from subliminal.errors import UserError
from subliminal.services.reply_cache import ReplyCache
from subliminal.services.sampler import ChatSampling, ServiceSampler, numbered
from subliminal.vllm_engine import served_chat
from subliminal.vllm_engine.engine import ModelFiles
from subliminal.vllm_engine.interpreter import VARIABLE
from subliminal.vllm_engine.served_chat import ServedChat
from subliminal.vllm_engine.server import SERVE, VllmServer
from subliminal.vllm_engine.settings import EngineSettings
from tests.user_errors import assert_one_line
from tests.vllm_hosts import fake_vllm

pytest.importorskip("openai")

MODEL = ModelFiles(Path("/models/a"), vocabulary=50, positions=64)
PROMPTS = numbered([user(f"Continue: {number}") for number in range(40)])
SETTINGS = ChatSampling(max_tokens=8, seed=3)


def texts(chat: ServedChat) -> list[str]:
    return [reply.text for reply in ServiceSampler(chat).sample(PROMPTS, SETTINGS)]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients read no certificates, which takes longer than all else here, and do not wait."""
    monkeypatch.setattr(
        ssl, "create_default_context", lambda **_: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    )
    monkeypatch.setattr(served_chat, "RETRIES", 0)


def test_a_server_that_dies_is_started_again_and_no_reply_is_lost_or_made_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = fake_vllm(tmp_path / "host", monkeypatch, [{"dies_after": 15}, {"dies_after": 9}])
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    with VllmServer(MODEL, "a", rank=4) as server:
        server.load_adapter("student", adapter)
        chat = ServedChat(server, ReplyCache(tmp_path / "replies"), "student")
        assert chat.endpoint.timeout == server.patience > 600
        found, port = texts(chat), server.port
    assert len(found) == 40
    assert all(text.startswith(f"{adapter} Continue: {n} ") for n, text in enumerate(found))
    # Every reply came once; what was on its way when the server died was asked for again.
    assert chat.meter.usage.requests == 40
    assert host.starts == 3
    assert host.arguments[host.arguments.index("--port") + 1] == str(port)


@pytest.mark.skipif(sys.platform != "linux", reason="others give the port away")
def test_nobody_else_is_given_the_port_of_a_server_that_starts() -> None:
    server = VllmServer(MODEL, "a")
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", server.port))


def test_the_model_and_its_adapters_are_asked_by_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = fake_vllm(tmp_path / "host", monkeypatch)
    (tmp_path / "adapter").mkdir()
    settings = EngineSettings("bfloat16", tensor_parallel=2, max_length=32)
    with VllmServer(MODEL, "a", settings, rank=9) as server:
        cache = ReplyCache(tmp_path / "replies")
        assert all(text.startswith("base ") for text in texts(ServedChat(server, cache)))
        for name, folder in (("student", tmp_path / "adapter"), ("other", tmp_path / "none")):
            if folder.exists():
                server.load_adapter(name, folder)
            else:
                with pytest.raises(UserError) as error:
                    server.load_adapter(name, folder)
                assert_one_line(error, "no such adapter", str(folder))
        student = ServedChat(server, cache, "student")
        assert all("adapter" in text for text in texts(student))
        server.unload_adapter("student")
        again = ServedChat(server, ReplyCache(tmp_path / "empty"), "student")
        with pytest.raises(UserError, match="no such model"):
            texts(again)
    said = " ".join(host.arguments)
    for flag in (
        "/models/a --host 127.0.0.1",
        "--dtype bfloat16",
        "--tensor-parallel-size 2",
        "--max-model-len 32",
        "--enable-lora",
        "--max-lora-rank 16",
        "--generation-config vllm",
        "--language-model-only",
    ):
        assert flag in said
    assert "skip-tokenizer" not in said
    assert "--no-trust-remote-code" in said


def test_a_server_that_does_not_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_vllm(tmp_path / "host", monkeypatch, [{"refused": "ValueError: too little memory"}])
    with pytest.raises(UserError) as error, VllmServer(MODEL, "a"):
        pass
    assert_one_line(error, "/models/a", "does not start", "too little memory")


SLEEPING = """\
import subprocess, sys, time

def main():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    print(sys.argv[1:], child.pid, flush=True)
    time.sleep(60)
"""


def test_a_real_server_ends_with_whoever_started_it(tmp_path: Path) -> None:
    """What is served here is a module that sleeps, and so does its child."""
    package = tmp_path / "vllm" / "entrypoints" / "cli"
    package.mkdir(parents=True)
    (package / "main.py").write_text(SLEEPING)
    served = subprocess.Popen(
        [sys.executable, "-P", SERVE, "model", "--port", "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        start_new_session=True,
    )
    assert served.stdin is not None
    assert served.stdout is not None
    said = served.stdout.readline().decode()
    assert said.startswith("['serve', 'model', '--port', '1']")
    served.stdin.close()
    assert served.wait(30) == -signal.SIGKILL
    served.stdout.close()
    child = Path(f"/proc/{int(said.split()[-1])}")
    deadline = time.monotonic() + 30
    while child.exists() and ") Z" not in (child / "stat").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_interpreter_has_to_have_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, sys.executable)
    with pytest.raises(UserError) as error, VllmServer(MODEL, "a"):
        pass
    assert_one_line(error, "does not start", "No module named 'vllm'")
