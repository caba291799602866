"""Completions over HTTP: what is sent, kept, counted, tried again, told, and where the key goes."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from subliminal.chat import Message
from subliminal.errors import UserError
from subliminal.judges.cards import load_card
from subliminal.judges.llm import LLMJudge
from subliminal.judges.verdict import Exchange
from subliminal.services.chat_service import ChatService
from subliminal.services.endpoint import Endpoint, Prices, load_endpoint
from subliminal.services.ledger import Ledger
from subliminal.services.replies import ChatRequest, Reply
from subliminal.services.reply_cache import ReplyCache
from subliminal.services.usage import Usage
from tests.judge_server import (
    JudgeServer,
    Request,
    Response,
    completion,
    failure,
    half_a_body,
    json_response,
    serve,
)
from tests.user_errors import assert_one_line

pytest.importorskip("openai")

KEY = "sk-test-4f9aQzSECRET"
SOON = "0.01"
"""Seconds that a service asks to wait, so that tests need not."""


def endpoint(server: JudgeServer, **fields: Any) -> Endpoint:
    return Endpoint(model="judge", base_url=server.base_url, **fields)


def request(text: str) -> ChatRequest:
    return ChatRequest((Message("user", text),), max_tokens=4)


def service(server: JudgeServer, folder: Path, **fields: Any) -> ChatService:
    return ChatService(endpoint(server, **fields), ReplyCache(folder))


def said(replies: list[Reply]) -> list[str]:
    return [reply.text for reply in replies]


def echo(asked: Request) -> Response:
    """Say what was asked."""
    return completion(asked.asked, {"1": 0.5})


def slow(asked: Request) -> Response:
    """Say what was asked, after a while."""
    return Response(completion(asked.asked).body, delay=0.03)


# What is sent


def test_the_request_is_what_the_protocol_asks_for(tmp_path: Path) -> None:
    with serve(completion("5")) as server:
        service(server, tmp_path).ask_all([request("Hello")])
    (sent,) = server.requests
    assert sent.path == "/v1/chat/completions"
    assert sent.body == {
        "model": "judge",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 4,
        "temperature": 0.0,
        "logprobs": True,
        "top_logprobs": 20,
    }


def test_log_probabilities_are_not_asked_for_where_the_service_refuses_them(
    tmp_path: Path,
) -> None:
    with serve(completion("5")) as server:
        service(server, tmp_path, logprobs=False).ask_all([request("Hello")])
    assert "logprobs" not in server.requests[0].body
    assert "top_logprobs" not in server.requests[0].body


def test_replies_come_in_the_order_of_the_requests(tmp_path: Path) -> None:
    def slow_first(asked: Request) -> Response:
        return (
            completion(asked.asked, delay=0)
            if asked.asked != "0"
            else Response(completion("0").body, delay=0.1)
        )

    texts = [str(number) for number in range(20)]
    with serve(otherwise=slow_first) as server:
        replies = service(server, tmp_path).ask_all([request(text) for text in texts])
    assert said(replies) == texts


def test_as_many_requests_are_under_way_as_allowed_and_no_more(tmp_path: Path) -> None:
    three = threading.Barrier(3, timeout=60)

    def together(asked: Request) -> Response:
        three.wait()
        return slow(asked)

    asked = [request(str(number)) for number in range(9)]
    with serve(otherwise=together) as server:
        service(server, tmp_path, concurrency=3).ask_all(asked)
    assert server.most_at_once == 3


# The cache


def test_equal_requests_are_sent_once_and_never_again(tmp_path: Path) -> None:
    with serve(otherwise=echo) as server:
        first = service(server, tmp_path)
        assert said(first.ask_all([request("a"), request("b"), request("a")])) == ["a", "b", "a"]
        assert said(first.ask_all([request("b")])) == ["b"]
        again = service(server, tmp_path)
        replies = again.ask_all([request("b"), request("c")])
    assert said(replies) == ["b", "c"]
    assert replies[0].positions[0].top == replies[1].positions[0].top
    assert sorted(sent.asked for sent in server.requests) == ["a", "b", "c"]
    assert (first.meter.usage.requests, first.meter.usage.reused) == (2, 2)
    assert (again.meter.usage.requests, again.meter.usage.reused) == (1, 1)


def test_what_is_cached_needs_neither_key_nor_service(tmp_path: Path) -> None:
    with serve(otherwise=echo) as server:
        service(server, tmp_path).ask_all([request("a")])
    gone = service(server, tmp_path, api_key_env="NOT_SET", max_retries=0)
    assert said(gone.ask_all([request("a")])) == ["a"]
    with pytest.raises(UserError, match="NOT_SET"):
        gone.ask_all([request("b")])


def test_threads_that_want_to_know_the_same_pay_for_it_once(tmp_path: Path) -> None:
    asked = [request(str(number)) for number in range(12)]
    replies = ReplyCache(tmp_path)
    with serve(otherwise=slow) as server:
        services = [ChatService(endpoint(server), replies) for _ in "abc"]
        with ThreadPoolExecutor(len(services)) as pool:
            found = list(pool.map(lambda one: said(one.ask_all(asked)), services))
        assert len(server.requests) == len(asked)
    assert found == [[str(number) for number in range(12)]] * 3
    used = [one.meter.usage for one in services]
    assert sum(usage.requests for usage in used) == len(asked)
    assert sum(usage.reused for usage in used) == 2 * len(asked)


def test_what_others_have_asked_for_since_is_not_asked_for_again(tmp_path: Path) -> None:
    with serve(otherwise=echo) as server:
        one, other = service(server, tmp_path), service(server, tmp_path)
        one.ask_all([request("a")])
        assert said(other.ask_all([request("a"), request("b")])) == ["a", "b"]
        one.ask_all([request("b")])
    assert [sent.asked for sent in server.requests] == ["a", "b"]


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({}, True),
        ({"concurrency": 1, "timeout": 5.0, "max_retries": 1, "api_key_env": "OTHER"}, True),
        ({"prices": Prices(prompt=1, completion=1), "spending_cap": 1.0}, True),
        ({"model": "other"}, False),
        ({"base_url": "http://other/v1"}, False),
        ({"logprobs": False}, False),
    ],
)
def test_a_reply_is_named_by_what_can_change_it_alone(fields: dict[str, Any], same: bool) -> None:
    first = Endpoint(model="judge", base_url="http://here/v1")
    second = Endpoint(**{"model": "judge", "base_url": "http://here/v1", **fields})
    assert (request("a").key(first) == request("a").key(second)) is same
    assert request("a").key(first) != request("b").key(first)


def test_a_failed_request_loses_no_other(tmp_path: Path) -> None:
    """One fails at once, three are under way, the others have not been sent."""

    def one_fails(asked: Request) -> Response:
        if asked.asked == "0":
            return failure(400, "no such thing")
        return Response(completion(asked.asked).body, delay=0.15)

    asked = [request(str(number)) for number in range(40)]
    with serve(otherwise=one_fails) as server:
        with pytest.raises(UserError):
            service(server, tmp_path, concurrency=4).ask_all(asked)
        done = len(server.requests) - 1
        assert 3 <= done < 39
        cache = ReplyCache(tmp_path)
    kept = [each for each in asked if each.key(endpoint(server)) in cache]
    assert len(kept) == done


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """The service kills its user, by kill -9, when it is asked for the fourth reply."""
    script = """
    import sys
    from pathlib import Path
    from subliminal.chat import Message
    from subliminal.services.chat_service import ChatService
    from subliminal.services.endpoint import Endpoint
    from subliminal.services.ledger import Ledger
    from subliminal.services.replies import ChatRequest
    from subliminal.services.reply_cache import ReplyCache

    endpoint = Endpoint(model="judge", base_url=sys.argv[1], concurrency=1)
    asked = [ChatRequest((Message("user", str(n)),), max_tokens=4) for n in range(6)]
    folder = Path(sys.argv[2])
    ChatService(endpoint, ReplyCache(folder), ledger=Ledger(folder / "ledger")).ask_all(asked)
    """
    killed = False

    def kill_at_the_fourth(asked: Request) -> Response:
        nonlocal killed
        if asked.asked == "3" and not killed:
            killed = True
            child.kill()
            child.wait()
        return echo(asked)

    with serve(otherwise=kill_at_the_fourth) as server:
        arguments = [sys.executable, "-c", textwrap.dedent(script), server.base_url, str(tmp_path)]
        child = subprocess.Popen(arguments)
        child.wait()
        assert killed
        asked = [request(str(number)) for number in range(6)]
        with (tmp_path / "ledger").open("ab") as cut_off:
            cut_off.write(b"[100")
        ledger = Ledger(tmp_path / "ledger")
        again = ChatService(endpoint(server), ReplyCache(tmp_path), ledger=ledger)
        replies = again.ask_all(asked)
    assert said(replies) == list("012345")
    # Of 100 tokens and 1 each, those from before the kill too.
    used = Usage(requests=6, reused=3, prompt_tokens=600, completion_tokens=6)
    assert again.meter.usage == used
    assert ChatService(endpoint(server), ReplyCache(tmp_path), ledger=ledger).meter.usage == (
        replace(used, reused=0)
    )
    counts = [sum(sent.asked == text for sent in server.requests) for text in "012345"]
    assert counts == [1, 1, 1, 2, 1, 1]


# What passes later, and what does not


@pytest.mark.parametrize(
    "trouble",
    [
        failure(429, "slow down", retry_after=SOON),
        failure(500, "oh", retry_after=SOON),
        failure(503, "busy", retry_after=SOON),
        failure(408, "late", retry_after=SOON),
        json_response({"error": {"message": "busy", "code": 503}}, headers={"Retry-After": SOON}),
    ],
)
def test_what_can_pass_later_is_tried_again(tmp_path: Path, trouble: Response) -> None:
    with serve(trouble, trouble, completion("5")) as server:
        (reply,) = service(server, tmp_path, max_retries=2).ask_all([request("a")])
    assert reply.text == "5"
    assert len(server.requests) == 3


def test_lost_connections_are_tried_again(tmp_path: Path) -> None:
    with serve(half_a_body(completion("5")), completion("7")) as server:
        (reply,) = service(server, tmp_path, max_retries=1).ask_all([request("a")])
    assert reply.text == "7"
    assert len(server.requests) == 2


def test_timeouts_are_tried_again(tmp_path: Path) -> None:
    late = Response(completion("5").body, delay=0.8)
    with serve(late, otherwise=completion("7")) as server:
        # More often than once, for the machine may be slow too.
        (reply,) = service(server, tmp_path, max_retries=6, timeout=0.4).ask_all([request("a")])
    assert reply.text == "7"
    assert len(server.requests) > 1


@pytest.mark.parametrize(
    ("trouble", "parts", "timeout"),
    [
        (
            failure(429, "quota of today is used up", retry_after=SOON),
            ["429", "quota of", "later"],
            60,
        ),
        (failure(500, "out of order", retry_after=SOON), ["500", "out of order", "1 retries"], 60),
        (half_a_body(completion("5")), ["hung up", "1 retries", "base_url"], 60),
        (Response(completion("5").body, delay=0.6), ["0.3 seconds", "1 retries", "timeout"], 0.3),
    ],
)
def test_what_does_not_pass_is_told_after_the_retries(
    tmp_path: Path, trouble: Response, parts: list[str], timeout: float
) -> None:
    with serve(otherwise=trouble) as server, pytest.raises(UserError) as error:
        service(server, tmp_path, max_retries=1, timeout=timeout).ask_all([request("a")])
    assert_one_line(error, server.base_url, *parts)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("trouble", "parts"),
    [
        (failure(401, f"wrong key {KEY[:9]}"), ["401", "MY_KEY"]),
        (failure(403, "not yours"), ["403", "MY_KEY"]),
        (failure(429, "no money", "insufficient_quota", retry_after=SOON), ["429", "no money"]),
        (failure(404, "model is not here"), ["404", "'judge'", "model is not here"]),
        (failure(400, "bad\nthing " + "x" * 500), ["400", "bad thing"]),
        (failure(400, "logprobs are not supported"), ["logprobs: false"]),
        (json_response({"choices": []}), ["no chat completion", "base_url"]),
        (Response(b"<html>", headers={"Content-Type": "text/html"}), ["no chat completion"]),
        (json_response({"error": {"message": "odd\nrow", "code": "odd"}}), ["odd row"]),
        (json_response([1], status=418), ["418"]),
    ],
)
def test_what_cannot_pass_is_told_at_once(
    tmp_path: Path, trouble: Response, parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    with serve(trouble) as server, pytest.raises(UserError) as error:
        service(server, tmp_path, api_key_env="MY_KEY").ask_all([request("a")])
    assert_one_line(error, server.base_url, *parts)
    assert len(str(error.value)) < 400
    assert len(server.requests) == 1


def test_nobody_there_is_told(tmp_path: Path) -> None:
    with serve() as server:
        pass
    with pytest.raises(UserError) as error:
        service(server, tmp_path, max_retries=0).ask_all([request("a")])
    assert_one_line(error, server.base_url, "cannot be reached")
    assert "retries" not in str(error.value)


def test_the_library_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with serve() as server, pytest.raises(UserError) as error:
        service(server, tmp_path).ask_all([request("a")])
    assert_one_line(error, "openai", "pip install 'subliminal[services]'")


# The key


@pytest.fixture
def _with_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)


@pytest.mark.usefixtures("_with_key")
def test_the_key_goes_to_the_service_and_nowhere_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not into logs, caches, records, representations, errors or their tracebacks."""
    caplog.set_level(logging.DEBUG)
    said_key = failure(400, f"the key {KEY} may not do that")
    seen = []
    with serve(completion("5"), failure(429, KEY, retry_after=SOON), said_key, said_key) as server:
        asking = service(server, tmp_path, api_key_env="MY_KEY")
        judge = LLMJudge("coherence", load_card("coherence"), asking)
        judge.judge([Exchange("a", "b")])
        seen += [repr(asking), repr(vars(asking)), repr(judge), repr(judge.record())]
        seen += [asking.endpoint.model_dump_json(), repr(asking.endpoint)]
        with pytest.raises(UserError) as error:
            asking.ask_all([request("b")])
        seen += [str(error.value), "".join(traceback.format_exception(error.value))]
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert "***" in str(error.value)
    seen += [caplog.text, "".join(capfd.readouterr())]
    seen += [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert [text for text in seen if "SECRET" in text or KEY[:9] in text] == []


def test_services_without_a_key_are_sent_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serve(completion("5")) as server:
        service(server, tmp_path).ask_all([request("a")])
    assert KEY not in str(server.requests[0].headers)


def test_a_key_that_is_not_set_is_told_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "  ")
    with serve(completion("5")) as server, pytest.raises(UserError) as error:
        service(server, tmp_path, api_key_env="MY_KEY").ask_all([request("a")])
    assert_one_line(error, "MY_KEY", "not set", server.base_url)
    assert server.requests == []


@pytest.mark.parametrize("key", ["sk-…", "sk-a\nb", "sk-\t1"])
def test_what_can_be_no_key_is_told_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("MY_KEY", key)
    with serve() as server, pytest.raises(UserError) as error:
        service(server, tmp_path, api_key_env="MY_KEY").ask_all([request("a")])
    assert_one_line(error, "MY_KEY", "no key has")
    assert "sk-" not in str(error.value)
    assert server.requests == []


@pytest.mark.parametrize("field", ["api_key_env", "api_key", "base_url"])
def test_a_key_in_the_wrong_place_is_refused_and_not_shown(tmp_path: Path, field: str) -> None:
    value = f"https://me:{KEY}@host/v1" if field == "base_url" else KEY
    fields: dict[str, Any] = {"model": "judge", "base_url": "https://host/v1", field: value}
    with pytest.raises(ValidationError) as invalid:
        Endpoint(**fields)
    assert "SECRET" not in str(invalid.value)
    lines = "".join(f"{name}: {given}\n" for name, given in fields.items())
    (tmp_path / "mine.yaml").write_text(lines)
    with pytest.raises(UserError) as error:
        load_endpoint("mine.yaml", tmp_path)
    assert_one_line(error, "mine.yaml", field)
    assert "SECRET" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    ["host/v1", "ftp://host", "http://", "http://host?key=1", "http://host:x", "http://[", ""],
)
def test_addresses_that_cannot_be_are_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must be http"):
        Endpoint(model="judge", base_url=url)


def test_an_address_may_end_in_a_slash() -> None:
    assert Endpoint(model="judge", base_url="http://host/v1/").base_url == "http://host/v1"


# Tokens, cost and the cap


def test_tokens_and_cost_are_added_up(tmp_path: Path) -> None:
    prices = Prices(prompt=2, completion=10)
    with serve(completion("1", usage=(100, 1)), completion("2", usage=(300, 3))) as server:
        asking = service(server, tmp_path, prices=prices, concurrency=1)
        asking.ask_all([request("a"), request("b"), request("a")])
    usage = Usage(requests=2, reused=1, prompt_tokens=400, completion_tokens=4)
    assert asking.meter.usage == usage
    # (400 x 2 + 4 x 10) / 1,000,000
    assert asking.meter.cost == pytest.approx(0.00084)
    assert usage.cost(None) is None


def test_what_a_service_does_not_count_is_told_as_such(tmp_path: Path) -> None:
    with serve(completion("1", usage=None)) as server:
        asking = service(server, tmp_path)
        asking.ask_all([request("a")])
    assert asking.meter.usage == Usage(requests=1, uncounted=1)


def test_the_cap_stops_the_run_and_loses_nothing(tmp_path: Path) -> None:
    # Each request costs 100 x 10 / 1,000,000 = 0.001: after three, 0.0025 is passed.
    prices = Prices(prompt=10, completion=0)
    asked = [request(str(number)) for number in range(9)]
    with serve(otherwise=echo) as server:
        capped = service(server, tmp_path, prices=prices, spending_cap=0.0025, concurrency=1)
        with pytest.raises(UserError) as error:
            capped.ask_all(asked)
        assert_one_line(error, "spending_cap", "0.0025", "3 requests")
        assert len(server.requests) == 3
        service(server, tmp_path, prices=prices).ask_all(asked)
    assert len(server.requests) == 9


def test_a_cap_cannot_be_kept_where_nothing_is_counted(tmp_path: Path) -> None:
    prices = Prices(prompt=1, completion=1)
    with serve(otherwise=completion("1", usage=None)) as server:
        capped = service(server, tmp_path, prices=prices, spending_cap=1.0, concurrency=1)
        with pytest.raises(UserError) as error:
            capped.ask_all([request("a"), request("b")])
    assert_one_line(error, "counts no tokens", "spending_cap")
    assert len(server.requests) == 1


def test_a_cap_needs_prices() -> None:
    with pytest.raises(ValidationError, match="prices"):
        Endpoint(model="judge", base_url="http://host/v1", spending_cap=1.0)
