"""Batches as the protocol has them: the lines of requests and answers, and a batch's states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from subliminal.services.client import ServiceClient
from subliminal.services.endpoint import Endpoint
from subliminal.services.fault import Fault, fault_in, may_pass
from subliminal.services.listing import IfReadable, Page, all_pages, page_behind, read_as
from subliminal.services.replies import CONTENT_FILTER, REFUSED, ChatRequest, Reply, reply_of
from subliminal.services.submission import Job

COMPLETIONS: Final = "/v1/chat/completions"
MOST_REQUESTS, MOST_BYTES = 50_000, 200_000_000
"""Of one batch."""
_PAGE = 100
_LATER_CODES = ("token_limit_exceeded", "server_error", "rate_limit_exceeded")
"""What the protocol calls reasons that pass."""


def request_line(key: str, request: ChatRequest, endpoint: Endpoint) -> bytes:
    """A line of what is uploaded; the reply's key is its name."""
    body = request.body(endpoint)
    return to_json({"custom_id": key, "method": "POST", "url": COMPLETIONS, "body": body}) + b"\n"


def keys_in(data: bytes) -> set[str]:
    """The names of the requests in what is uploaded."""
    return {_Named.model_validate_json(line).custom_id for line in data.splitlines()}


# What comes back


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request has no reply."""

    reason: str
    passes: bool
    """Whether it may be answered another time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A line of what is downloaded."""

    key: str
    outcome: Reply | Failure


def read_answers(data: bytes) -> list[Answer]:
    """Read the file of answers, or of errors.

    Raises:
        ValueError: It is neither, or a line is cut off.
    """
    try:
        lines = [_Line.model_validate_json(line) for line in data.splitlines() if line.strip()]
    except ValidationError:
        raise ValueError("it is no file of answers") from None
    return [Answer(line.custom_id, _outcome(line)) for line in lines]


class _Named(BaseModel):
    custom_id: str


class _Response(BaseModel):
    status_code: int
    body: Any = None


class _Line(_Named):
    response: _Response | None = None
    error: Fault | None = None


def _outcome(line: _Line) -> Reply | Failure:
    response = line.response
    if response is not None and response.status_code == 200:
        try:
            return reply_of(response.body)
        except ValueError:
            return Failure("its reply is no chat completion", passes=True)
    fault = line.error or fault_in(response.body if response is not None else None)
    status = response.status_code if response is not None else None
    if status == 400 and fault.code == CONTENT_FILTER:
        return REFUSED
    if status is None:
        return Failure(fault.told, passes=True)  # It never came to be asked.
    passes = may_pass(status, fault.code) or fault.code in _LATER_CODES
    return Failure(f"{status}: {fault.told}", passes)


# Batches


class _Counts(BaseModel):
    total: int = 0
    completed: int = 0
    failed: int = 0


class _Faults(BaseModel):
    data: list[Fault] | None = None


class Batch(Job):
    """A batch."""

    input_file_id: str = ""
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: Annotated[_Faults | None, IfReadable] = None
    request_counts: Annotated[_Counts | None, IfReadable] = None

    @property
    def made_of(self) -> str:
        """See `Job`."""
        return self.input_file_id

    @property
    def outlook(self) -> Literal["done", "going on", "lost"]:
        """See `Job`."""
        if self.status == "completed" or (self.has_ended and self.output_file_id):
            return "done"
        return "lost" if self.has_ended else "going on"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in ("completed", "failed", "expired", "cancelled")

    @property
    def counts(self) -> _Counts:
        """Requests answered and failed so far, as far as the service tells."""
        return self.request_counts or _Counts()

    @property
    def fault(self) -> Fault:
        """Why it failed as a whole."""
        faults = (self.errors.data if self.errors else None) or [Fault()]
        return faults[0]

    @property
    def may_do_better(self) -> bool:
        """Whether another batch may bring what this one did not."""
        return self.status in ("completed", "expired") or (
            self.status == "failed" and self.fault.code in _LATER_CODES
        )


@dataclass(frozen=True)
class Batches:
    """The batches of a service; see `Jobs`."""

    client: ServiceClient

    def create(self, file: str, metadata: Mapping[str, str]) -> Batch:
        """See `Jobs`."""
        return self.client.ask_once(
            lambda client: client.batches.with_raw_response.create(
                completion_window="24h",
                endpoint=COMPLETIONS,
                input_file_id=file,
                metadata=dict(metadata),
            ),
            read_as(Batch, "batch"),
            "batches",
        )

    def get(self, job: str, mend: str) -> Batch:
        """See `Jobs`."""
        return self.client.ask(
            lambda client: client.batches.with_raw_response.retrieve(job),
            read_as(Batch, "batch"),
            f"batch {job}",
            {"": mend},
        )

    def all(self) -> Iterator[Batch]:
        """See `Jobs`."""

        def page(after: str | None) -> Page[Batch]:
            query = page_behind(after, _PAGE)
            return self.client.ask(
                lambda client: client.batches.with_raw_response.list(extra_query=query),
                read_as(Page[Batch], "list of batches"),
                "list of batches",
            )

        return all_pages(page)
