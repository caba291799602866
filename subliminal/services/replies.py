"""A request for one chat completion, and what is kept of the reply."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json

from subliminal.chat import Message
from subliminal.services.endpoint import Endpoint
from subliminal.services.fault import Fault, fault_in
from subliminal.stage import digest

POSITIONS_KEPT = 4
"""Positions whose log-probabilities are kept: a number, and white space before it."""
_ROUNDING = 0.01
"""By how much a log-probability may be above 0."""
CONTENT_FILTER = "content_filter"
"""What the protocol calls it when a filter of the service turned a text down."""
_CACHE_VERSION = 1
"""Raised with every change of what is sent or kept, so that old replies are not taken for new."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One completion, sampled greedily unless there is a temperature."""

    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float = 0.0
    top_logprobs: int = 20
    top_p: float = 1.0
    seed: int | None = None
    sample: int | None = None
    """Which of the samples of one prompt it is; not sent, but part of what names the reply."""

    def body(self, endpoint: Endpoint) -> dict[str, Any]:
        """The request as the protocol has it."""
        body: dict[str, Any] = {
            "model": endpoint.model,
            "messages": [{"role": m.role, "content": m.content} for m in self.messages],
            endpoint.length_field: self.max_tokens,
            "temperature": self.temperature,
        }
        if self.top_p != 1:
            body["top_p"] = self.top_p
        if endpoint.seeds and self.seed is not None:
            body["seed"] = self.seed
        if endpoint.logprobs and self.top_logprobs:
            body |= {"logprobs": True, "top_logprobs": self.top_logprobs}
        return body

    def key(self, endpoint: Endpoint) -> str:
        """Names the reply: the hash of all that can change it, and of nothing else."""
        named = [_CACHE_VERSION, endpoint.base_url, self.body(endpoint)]
        return digest(named if self.sample is None else [*named, self.sample])


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Position(_Kept):
    """One token of a reply, and the likeliest tokens in its place."""

    token: str
    top: tuple[tuple[str, float], ...]
    """Tokens with their log-probabilities, in nats."""


class Reply(_Kept):
    """What is kept of a reply."""

    text: str
    finish: str | None = None
    refused: bool = False
    """Whether the service or its model declined to answer."""
    positions: tuple[Position, ...] = ()
    """The first positions; none where the service gives no log-probabilities."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    """None where the service does not count."""

    def masked(self, mask: Callable[[str], str]) -> Reply:
        """The reply, its text as it may be kept."""
        return self.model_copy(update={"text": mask(self.text)})


REFUSED = Reply(text="", finish=CONTENT_FILTER, refused=True)
"""In place of the reply to a request that a service's content filter turned down."""


def parse_reply(body: bytes) -> Reply:
    """Read a chat completion.

    Args:
        body: The body of the response.

    Raises:
        ValueError: It is none; with the service's own words where it tells of an error instead.
    """
    try:
        return reply_of(from_json(body))
    except ValueError:
        fault = fault_in(body)
        told = "" if fault == Fault() else f" but an error: {fault.told}"
        raise ValueError(f"it is no chat completion{told}") from None


def reply_of(body: object) -> Reply:
    """Read a chat completion that has been parsed.

    Raises:
        ValueError: It is none.
    """
    completion = _Completion.model_validate(body)
    choice, usage = completion.choices[0], completion.usage
    content = choice.logprobs.content if choice.logprobs else None
    return Reply(
        text=choice.message.content or "",
        finish=choice.finish_reason,
        refused=bool(choice.message.refusal) or choice.finish_reason == CONTENT_FILTER,
        positions=tuple(place.kept() for place in (content or ())[:POSITIONS_KEPT]),
        prompt_tokens=usage.prompt_tokens if usage else None,
        completion_tokens=usage.completion_tokens if usage else None,
    )


# The protocol, as far as it is used. Services add fields of their own.


class _Token(BaseModel):
    token: str
    logprob: float = Field(le=_ROUNDING)


class _Place(_Token):
    top_logprobs: list[_Token] | None = None

    def kept(self) -> Position:
        # That a token cannot come some services write as minus infinity, which JSON does not hold.
        possible = (t for t in self.top_logprobs or () if t.logprob > -math.inf)
        return Position(token=self.token, top=tuple((t.token, t.logprob) for t in possible))


class _Logprobs(BaseModel):
    content: list[_Place] | None = None


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = Field(None, ge=0)
    completion_tokens: int | None = Field(None, ge=0)


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None
