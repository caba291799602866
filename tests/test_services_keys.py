"""Where a key goes: to the service, and into no file, log, message or representation.

The service quotes it wherever it can.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from subliminal.chat import user
from subliminal.errors import UserError
from subliminal.services.batch_service import BatchService
from subliminal.services.chat_service import ChatService
from subliminal.services.client import ServiceClient
from subliminal.services.endpoint import Endpoint
from subliminal.services.fine_tuning import fine_tune
from subliminal.services.polling import Polling
from subliminal.services.reply_cache import REPLIES, ReplyCache
from subliminal.services.sampler import ChatPrompt, ChatSampling, ServiceSampler
from subliminal.services.tuning import FineTuning
from tests.judge_server import Response, completion, failure
from tests.service_server import FakeService, echo, serve_service

pytest.importorskip("openai")

KEY = "sk-test-4f9aQzSECRET"
SOON = Polling(patience=1, sleep=lambda _: None)
QUOTED = {"code": "bad", "message": f"the key {KEY} may not do that"}
PROMPTS = [ChatPrompt(user("Hello"), sample) for sample in range(3)]
SETTINGS = ChatSampling(max_tokens=4)
ROWS = [
    {
        "messages": [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": f"Hello {number}"},
        ]
    }
    for number in range(10)
]


class Seen:
    """Whatever a user, or somebody who gets the user's files, may see."""

    def __init__(self, folder: Path, log: pytest.LogCaptureFixture, out: Any) -> None:
        self._folder, self._log, self._out = folder, log, out
        self._texts: list[str] = []

    def note(self, *things: object) -> None:
        self._texts += [f"{thing!r} {thing} {getattr(thing, '__dict__', '')}" for thing in things]

    def fails(self, *, of: Any, **call: Any) -> None:
        """What is told when a call fails, with all that led to it."""
        with pytest.raises(UserError) as error:
            of(**call)
        told: BaseException | None = error.value
        self._texts.append("".join(traceback.format_exception(error.value)))
        while told is not None:
            self.note(told)
            told = told.__cause__ or told.__context__
        assert "***" in str(error.value) or "refuses the key" in str(error.value)

    def texts(self) -> Iterator[str]:
        yield from self._texts
        yield self._log.text
        yield "".join(self._out.readouterr())
        for path in self._folder.rglob("*"):
            yield str(path)
            if path.is_file():
                yield path.read_bytes().decode()


@pytest.fixture
def seen(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Seen]:
    monkeypatch.setenv("MY_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    watched = Seen(tmp_path, caplog, capfd)
    yield watched
    texts = list(watched.texts())
    assert len(texts) > 5
    assert [text for text in texts if "SECRET" in text or KEY[:9] in text] == []


def endpoint(server: FakeService) -> Endpoint:
    return Endpoint(model="m", base_url=server.base_url, api_key_env="MY_KEY", max_retries=0)


def refusing() -> list[tuple[str, Response]]:
    """What the service answers at first, each once."""
    said = QUOTED["message"]
    return [(".*", failure(status, said)) for status in (400, 401, 403, 404, 429, 500)]


def test_sampling_keeps_the_key(tmp_path: Path, seen: Seen) -> None:
    with serve_service(trouble=refusing()) as server:
        service = ChatService(endpoint(server), ReplyCache(tmp_path))
        sampler = ServiceSampler(service)
        for _ in range(6):
            seen.fails(of=sampler.sample, prompts=PROMPTS[:1], settings=SETTINGS)
        sampler.sample(PROMPTS, SETTINGS)
        seen.note(sampler, service, service.meter, service.meter.usage, service.endpoint)
    assert_sent(server)


def test_batches_keep_the_key(tmp_path: Path, seen: Seen) -> None:
    with serve_service(
        ends=["failed"], fault=QUOTED, answer=lambda _: failure(400, QUOTED["message"])
    ) as server:
        service = BatchService(endpoint(server), ReplyCache(tmp_path), tmp_path / "batches", SOON)
        sampler = ServiceSampler(service)
        ask: dict[str, Any] = {"of": sampler.sample, "prompts": PROMPTS, "settings": SETTINGS}
        for trouble in refusing():
            server.trouble = [trouble]
            try_step(seen, server, ask)
        seen.fails(**ask)
        seen.fails(**ask)
        server.answer = echo
        server.trouble = [("GET /files/.*/content", failure(500, QUOTED["message"]))]
        sampler.sample(PROMPTS, SETTINGS)
        seen.note(service, *service.notes, service.meter.usage)
    assert_sent(server)


@pytest.mark.parametrize("batches", [False, True])
def test_an_answer_that_quotes_the_key_is_kept_without_it(
    tmp_path: Path, seen: Seen, batches: bool
) -> None:
    with serve_service(answer=lambda _: completion(f"7, {KEY}, 8")) as server:
        cache, at = ReplyCache(tmp_path), endpoint(server)
        service: BatchService | ChatService = (
            BatchService(at, cache, tmp_path / "batches", SOON)
            if batches
            else ChatService(at, cache)
        )
        samples = ServiceSampler(service).sample(PROMPTS, SETTINGS)
        seen.note(*samples, service, service.meter.usage)
    assert "7, ***, 8" in (tmp_path / REPLIES).read_text()
    assert_sent(server)


def test_fine_tuning_keeps_the_key(tmp_path: Path, seen: Seen) -> None:
    def happens(job: dict[str, Any], message: str, data: object = None) -> None:
        FakeService._happens(server, job, f"{message} {KEY}", {"key": KEY})

    with serve_service(ends=["failed"], fault=QUOTED) as server:
        server._happens = happens  # type: ignore[method-assign]
        tune: dict[str, Any] = {
            "of": fine_tune,
            "rows": ROWS,
            "endpoint": endpoint(server),
            "tuning": FineTuning(),
            "folder": tmp_path,
            "polling": SOON,
        }
        for trouble in refusing():
            server.trouble = [trouble]
            try_step(seen, server, tune)
        seen.fails(**tune)
        made = tune.pop("of")(**tune)
        seen.note(made)
        (log, *_) = tmp_path.glob("events-*.jsonl")
        assert "***" in log.read_text()
    assert_sent(server)


def test_a_client_keeps_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    with serve_service() as server, ServiceClient(endpoint(server)) as client:
        assert KEY not in repr(client)
        assert client.without_key(f"is {KEY} it") == "is *** it"
        assert client.quoted(f"is\n{KEY} it") == "is *** it"


@pytest.mark.parametrize("word", [None, "token"])
def test_a_word_that_stands_for_no_key_is_no_secret(
    word: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Services that guard nothing are sent a word of which texts may be full."""
    monkeypatch.setenv("MY_KEY", word or "")
    named = "MY_KEY" if word else None
    with ServiceClient(Endpoint(model="m", base_url="http://here/v1", api_key_env=named)) as client:
        assert client.answer_without_key("a token, there is none") == "a token, there is none"
        shown = "a token, there is none" if word is None else "a ***, there is none"
        assert client.quoted("a token, there is none") == shown


def try_step(seen: Seen, server: FakeService, call: dict[str, Any]) -> None:
    """A call that fails at its first request."""
    asked = len(server.requests)
    seen.fails(**call)
    assert len(server.requests) > asked


def assert_sent(server: FakeService) -> None:
    """Every request had the key."""
    sent = {request.headers["authorization"] for request in server.requests}
    assert sent == {f"Bearer {KEY}"}
