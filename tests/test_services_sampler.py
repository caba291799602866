"""Sampling from a service: what is sent, samples of one prompt, seeds, cache, cost and progress."""

from __future__ import annotations

import json
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from subliminal.chat import Message, user
from subliminal.errors import UserError
from subliminal.services.batch_service import BatchService
from subliminal.services.chat_service import ChatService
from subliminal.services.endpoint import Endpoint, Prices
from subliminal.services.polling import Polling
from subliminal.services.replies import ChatRequest
from subliminal.services.reply_cache import ReplyCache
from subliminal.services.sampler import ChatPrompt, ChatSampling, ServiceSampler, numbered
from subliminal.stage import Cancelled
from tests.judge_server import Request, Response, completion, failure, serve
from tests.service_server import serve_service
from tests.user_errors import assert_one_line

pytest.importorskip("openai")

SETTINGS = ChatSampling(max_tokens=16, temperature=0.7, top_p=0.9, seed=5)
OWL, CAT = user("Name an owl."), user("Name a cat.")


def sampler(
    base_url: str, folder: Path, system: str | None = None, **fields: Any
) -> ServiceSampler:
    endpoint = Endpoint(model="m", base_url=base_url, **fields)
    return ServiceSampler(ChatService(endpoint, ReplyCache(folder)), system)


class Counting:
    """Says how many requests there were: no two answers are alike."""

    def __init__(self) -> None:
        self._numbers = count()

    def __call__(self, asked: Request) -> Response:
        return completion(f"answer {next(self._numbers)}")


# What is sent


def test_a_prompt_is_sent_with_its_settings_and_system_prompt(tmp_path: Path) -> None:
    with serve(completion("Hedwig")) as server:
        (reply,) = sampler(server.base_url, tmp_path, "You love owls.").sample(
            [ChatPrompt(OWL)], SETTINGS
        )
    (sent,) = server.requests
    assert reply.text == "Hedwig"
    seed = sent.body.pop("seed")
    assert sent.body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "You love owls."},
            {"role": "user", "content": "Name an owl."},
        ],
        "max_tokens": 16,
        "temperature": 0.7,
        "top_p": 0.9,
    }
    assert 0 <= seed < 2**31


def test_a_service_is_sent_what_it_takes(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"seeds": False, "length_field": "max_completion_tokens"}
    with serve(completion("Hedwig")) as server:
        sampler(server.base_url, tmp_path, **fields).sample([ChatPrompt(OWL)], SETTINGS)
    body = server.requests[0].body
    assert "seed" not in body
    assert "max_tokens" not in body
    assert body["max_completion_tokens"] == 16


@pytest.mark.parametrize(
    ("said", "mend"),
    [
        ("Unsupported parameter: 'seed'", "seeds: false"),
        ("'max_tokens' is no more, use 'max_completion_tokens'", "length_field"),
    ],
)
def test_what_a_service_does_not_take_is_told_with_the_mend(
    tmp_path: Path, said: str, mend: str
) -> None:
    with serve(failure(400, said)) as server, pytest.raises(UserError) as error:
        sampler(server.base_url, tmp_path).sample([ChatPrompt(OWL)], SETTINGS)
    assert_one_line(error, said, mend)


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1, "temperature": -1.0}, "temperature"),
        ({"max_tokens": 1, "temperature": float("nan")}, "temperature"),
        ({"max_tokens": 1, "top_p": 0.0}, "top_p"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], part: str) -> None:
    with pytest.raises(UserError) as error:
        ChatSampling(**settings)
    assert_one_line(error, part)


def test_a_prompt_that_cannot_be_sent_is_told(tmp_path: Path) -> None:
    with serve() as server, pytest.raises(UserError) as error:
        sampler(server.base_url, tmp_path).sample([ChatPrompt(user("a\ud800"))], SETTINGS)
    assert_one_line(error, "prompt 0", "surrogate")
    assert server.requests == []


# Samples, seeds and the cache


def test_samples_of_one_prompt_are_drawn_one_by_one_and_kept(tmp_path: Path) -> None:
    prompts = [ChatPrompt(OWL, sample) for sample in range(3)]
    with serve(otherwise=Counting()) as server:
        once = sampler(server.base_url, tmp_path, concurrency=1)
        first = [reply.text for reply in once.sample(prompts, SETTINGS)]
        again = sampler(server.base_url, tmp_path)
        assert [reply.text for reply in again.sample(prompts[::-1], SETTINGS)] == first[::-1]
        more = again.sample([*prompts, ChatPrompt(OWL, 3)], SETTINGS)
    assert first == ["answer 0", "answer 1", "answer 2"]
    assert more[3].text == "answer 3"
    assert len(server.requests) == 4
    assert again.service.meter.usage.requests == 1


def test_samples_without_seeds_differ_too(tmp_path: Path) -> None:
    prompts = [ChatPrompt(OWL, sample) for sample in range(2)]
    with serve(otherwise=Counting()) as server:
        replies = sampler(server.base_url, tmp_path).sample(prompts, ChatSampling(max_tokens=4))
    assert len({reply.text for reply in replies}) == 2
    assert all("seed" not in sent.body for sent in server.requests)


def test_equal_conversations_become_samples_of_one_prompt() -> None:
    prompts = numbered([OWL, CAT, OWL, OWL])
    assert [prompt.sample for prompt in prompts] == [0, 0, 1, 2]
    assert [prompt.messages for prompt in prompts] == [OWL, CAT, OWL, OWL]


def test_a_seed_follows_from_prompt_and_sample_and_not_from_the_place() -> None:
    endpoint = Endpoint(model="m", base_url="http://here/v1")
    asker = ServiceSampler(ChatService(endpoint, ReplyCache(Path("nowhere"))))
    prompts = numbered([OWL, CAT, OWL])
    seeds = {p: r.seed for p, r in zip(prompts, asker.requests(prompts, SETTINGS), strict=True)}
    assert len(set(seeds.values())) == 3
    (alone,) = asker.requests([ChatPrompt(OWL, 1)], SETTINGS)
    assert alone.seed == seeds[ChatPrompt(OWL, 1)]
    (other,) = asker.requests([ChatPrompt(OWL, 1)], ChatSampling(max_tokens=16, seed=6))
    assert other.seed != alone.seed


def test_requests_of_judges_have_the_names_that_they_always_had() -> None:
    """Replies that were paid for are found again."""
    endpoint = Endpoint(model="judge", base_url="http://here/v1")
    judged = ChatRequest((Message("system", "s"), Message("user", "Hello")), max_tokens=4)
    assert judged.key(endpoint) == "2ba417b730d303841f652fed909ff597"
    plain = endpoint.model_copy(update={"logprobs": False})
    assert judged.key(plain) == "5ab3adfcd75d29a4d879539b9e8b8d80"


def test_fields_that_say_nothing_are_not_written(tmp_path: Path) -> None:
    """An endpoint is part of a filter's fingerprint, which new fields must not change."""
    prices = Prices(prompt=1, completion=2)
    before = Endpoint(model="m", base_url="http://here/v1", prices=prices)
    assert set(before.model_dump()) == {
        *("model", "base_url", "api_key_env", "logprobs", "concurrency", "max_retries"),
        *("timeout", "prices", "spending_cap"),
    }
    assert before.model_dump()["prices"] == {"prompt": 1, "completion": 2}
    said = Endpoint(model="m", base_url="http://here/v1", requests_per_minute=3, seeds=False)
    assert Endpoint.model_validate_json(said.model_dump_json()) == said


# What comes back


def test_it_is_told_how_an_answer_ended(tmp_path: Path) -> None:
    script = (
        completion("whole"),
        completion("cut of", finish_reason="length"),
        completion("", finish_reason="content_filter"),
        failure(400, "no", code="content_filter"),
    )
    with serve(*script) as server:
        asker = sampler(server.base_url, tmp_path, concurrency=1)
        replies = asker.sample([ChatPrompt(OWL, n) for n in range(4)], SETTINGS)
    assert [reply.finish for reply in replies] == [
        "stop",
        "length",
        "content_filter",
        "content_filter",
    ]
    assert [reply.refused for reply in replies] == [False, False, True, True]
    assert [reply.prompt_tokens for reply in replies] == [100, 100, 100, None]


def test_progress_is_told_and_can_stop_it(tmp_path: Path) -> None:
    told: list[tuple[float, float]] = []

    def stop_at_two(done: float, total: float) -> None:
        told.append((done, total))
        if done >= 2:
            raise Cancelled

    prompts = [ChatPrompt(OWL, sample) for sample in range(5)]
    with serve(otherwise=Counting()) as server:
        asker = sampler(server.base_url, tmp_path, concurrency=1)
        with pytest.raises(Cancelled):
            asker.sample(prompts, SETTINGS, stop_at_two)
        assert told == [(1, 5), (2, 5)]
        told.clear()
        asker.sample(prompts, SETTINGS, lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert len(server.requests) == 5


def test_what_is_cached_is_in_no_estimate(tmp_path: Path) -> None:
    prices = Prices(prompt=1, completion=1)
    prompts = [ChatPrompt(OWL, sample) for sample in range(3)]
    with serve(otherwise=Counting()) as server:
        asker = sampler(server.base_url, tmp_path, prices=prices)
        assert asker.estimate(prompts, SETTINGS).requests == 3
        asker.sample(prompts[:2], SETTINGS)
        left = asker.estimate(prompts, SETTINGS, count=len)
    assert (left.requests, left.completion_tokens, left.counted) == (1, 16, True)
    assert asker.service.meter.cost == pytest.approx(2 * (100 + 1) / 1e6)


def test_answers_of_a_batch_are_those_that_are_asked_one_by_one(tmp_path: Path) -> None:
    prompts = numbered([OWL, CAT, OWL])
    with serve_service() as server:
        endpoint = Endpoint(model="m", base_url=server.base_url)
        cache = ReplyCache(tmp_path / "cache")
        polling = Polling(sleep=lambda _: None)
        batches = ServiceSampler(BatchService(endpoint, cache, tmp_path / "batches", polling))
        by_batch = batches.sample(prompts, SETTINGS)
        one_by_one = ServiceSampler(ChatService(endpoint, cache)).sample(prompts, SETTINGS)
    assert one_by_one == by_batch
    assert server.made("/chat/completions") == []
    (uploaded,) = (server.contents[b["input_file_id"]] for b in server.batches.values())
    bodies = [json.loads(line)["body"] for line in uploaded.splitlines()]
    asked = Counter(body["messages"][0]["content"] for body in bodies)
    assert asked == {"Name an owl.": 2, "Name a cat.": 1}
