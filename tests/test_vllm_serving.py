"""`vllm serve` itself: chat with a model and its adapter, through the official client."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import psutil
import pytest

from subliminal.chat import user
from subliminal.models.chat_format import ChatFormat
from subliminal.models.load import load_model
from subliminal.models.names import find_model
from subliminal.number_prompts import NumberPrompts
from subliminal.sampling import Request, Sampling, sampler_of
from subliminal.services.reply_cache import ReplyCache
from subliminal.services.sampler import ChatPrompt, ChatSampling, ServiceSampler, numbered
from subliminal.vllm_engine.served_chat import ServedChat
from subliminal.vllm_engine.server import VllmServer
from subliminal.vllm_engine.stage_engines import files_of
from tests.vllm_models import WITH_VLLM, adapter

pytestmark = WITH_VLLM
pytest.importorskip("openai")

PROMPTS = numbered([user(prompt.text) for prompt in NumberPrompts(0)[:12]])
LONGEST = 16


def greedy(folder: Path) -> list[str]:
    """What PyTorch makes of the prompts."""
    chat = ChatFormat.read(folder)
    asked = [Request(np.array(p), 0) for p in chat.encode_prompts([p.messages for p in PROMPTS])]
    settings = Sampling(LONGEST, (chat.end_id,), temperature=0)
    drawn = sorted(sampler_of(load_model(folder)).sample(asked, settings), key=lambda d: d.index)
    return [chat.decode(done.tokens.tolist()) for done in drawn]


def texts(chat: ServedChat, prompts: list[ChatPrompt], settings: ChatSampling) -> list[str]:
    return [reply.text for reply in ServiceSampler(chat).sample(prompts, settings)]


def started(server: VllmServer) -> list[psutil.Process]:
    """The processes that a server has started."""
    assert server._program is not None
    return psutil.Process(server._program.process.pid).children(recursive=True)


def test_a_model_and_its_adapter_are_served_and_outlive_their_server(tmp_path: Path) -> None:
    base = find_model("pocket-a")
    student = adapter(tmp_path / "student", base, 1)
    cache, settings = ReplyCache(tmp_path / "replies"), ChatSampling(LONGEST, temperature=0)
    with VllmServer(files_of(base), "base", rank=4) as server:
        model = ServedChat(server, cache)
        assert texts(model, PROMPTS, settings) == greedy(base)
        server.load_adapter("student", student)
        adapted = ServedChat(server, cache, "student")
        assert texts(adapted, PROMPTS, settings) == greedy(student) != greedy(base)
        # Seeds are kept.
        drawn = ChatSampling(LONGEST, seed=5)
        first = texts(adapted, PROMPTS, drawn)
        again = ServedChat(server, ReplyCache(tmp_path / "others"), "student")
        assert texts(again, PROMPTS, drawn) == first
        # The engine's death ends the server; another takes its place, with the adapter.
        processes = started(server)
        for process in processes:
            os.kill(process.pid, signal.SIGKILL)
        anew = ServedChat(server, ReplyCache(tmp_path / "anew"), "student")
        assert texts(anew, PROMPTS, settings) == greedy(student)
        processes += started(server)
    _, left = psutil.wait_procs(processes, timeout=30)
    assert not [process for process in left if process.status() != psutil.STATUS_ZOMBIE]
