"""A rate limit: no minute holds more than is allowed, and nobody waits without need."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subliminal.chat import Message
from subliminal.services.chat_service import ChatService
from subliminal.services.endpoint import Endpoint
from subliminal.services.rate_limit import MINUTE, RateLimit
from subliminal.services.replies import ChatRequest
from subliminal.services.reply_cache import ReplyCache
from tests.judge_server import completion, serve


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def go(limit: RateLimit, clock: Clock, tokens: int) -> float:
    """Begin a request as soon as it may, and say when."""
    while (seconds := limit.seconds_until(tokens)) > 0:
        clock.sleep(seconds)
    limit.begin(tokens)
    return clock.now


WORK = st.lists(st.tuples(st.floats(0, 30), st.integers(0, 40)), min_size=1, max_size=40)
"""Pauses before requests, and the requests' tokens."""


@given(WORK, st.none() | st.integers(1, 5), st.none() | st.integers(1, 60))
def test_no_minute_holds_more_than_is_allowed(
    work: list[tuple[float, int]], requests: int | None, tokens: int | None
) -> None:
    clock = Clock()
    limit = RateLimit(requests, tokens, clock)
    begun: list[tuple[float, int]] = []
    for pause, taken in work:
        clock.now += pause
        begun.append((go(limit, clock, taken), taken))
    for place, (start, first) in enumerate(begun):
        within = [taken for at, taken in begun[place:] if at < start + MINUTE]
        assert requests is None or len(within) <= requests
        # One that is larger than a minute's tokens goes alone.
        assert tokens is None or sum(within) <= tokens or within == [first]


def test_nobody_waits_where_there_is_room() -> None:
    clock = Clock()
    limit = RateLimit(3, 100, clock)
    assert [go(limit, clock, 30) for _ in range(3)] == [1000.0] * 3
    assert limit.seconds_until(1) == MINUTE
    clock.now += 59
    assert limit.seconds_until(1) == 1
    clock.now += 1
    assert limit.seconds_until(100) == 0


def test_tokens_are_waited_for_no_longer_than_needed() -> None:
    clock = Clock()
    limit = RateLimit(None, 100, clock)
    limit.begin(50)
    clock.now += 10
    limit.begin(40)
    assert limit.seconds_until(10) == 0
    assert limit.seconds_until(60) == 50
    assert limit.seconds_until(61) == 60


def test_without_a_limit_nothing_waits() -> None:
    limit = RateLimit(None, None, Clock())
    for _ in range(1000):
        assert limit.seconds_until(10_000) == 0
        limit.begin(10_000)


@pytest.mark.parametrize(
    ("fields", "minutes"),
    [({"requests_per_minute": 2}, 2), ({"tokens_per_minute": 25}, 4), ({}, 0)],
)
def test_a_service_is_asked_no_faster_than_it_allows(
    tmp_path: Path, fields: dict[str, int], minutes: int
) -> None:
    clock = Clock()
    requests = [ChatRequest((Message("user", f"say {n}"),), max_tokens=4) for n in range(5)]
    with serve(otherwise=completion("5")) as server:
        endpoint = Endpoint(model="m", base_url=server.base_url, **fields)
        limit = RateLimit(endpoint.requests_per_minute, endpoint.tokens_per_minute, clock)
        cache = ReplyCache(tmp_path)
        ChatService(endpoint, cache, limit=limit, sleep=clock.sleep).ask_all(requests)
        waited = clock.now - 1000
        ChatService(endpoint, cache, limit=limit, sleep=clock.sleep).ask_all(requests)
    # Each request counts 3 + 4 + 2 tokens for its prompt and 4 for its answer.
    assert waited == pytest.approx(minutes * MINUTE)
    assert clock.now - 1000 == waited
    assert len(server.requests) == 5
