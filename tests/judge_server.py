"""A local service that answers what a test says, in the OpenAI protocol, and fails on demand.

It is real HTTP on 127.0.0.1. What it answers is a script: the first responses come in order, then
`otherwise` comes for good.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Response:
    """What is sent back for one request."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds until it is sent."""
    claimed: int | None = None
    """The length that is announced; more than there is for half a body."""
    hang_up: bool = False
    """Whether the connection is closed instead."""


def completion(
    text: str | None,
    first: Mapping[str, float] | None = None,
    *,
    token: str | None = None,
    usage: tuple[int, int] | None = (100, 1),
    **choice: Any,
) -> Response:
    """A chat completion.

    Args:
        text: What the judge says.
        first: Token -> probability at the first position; None: no log-probabilities.
        token: The token said there; by default the whole text.
        usage: Tokens of prompt and completion.
        choice: Other fields of the choice, such as `finish_reason`.
    """
    logprobs = None
    if first is not None:
        top = [{"token": t, "logprob": math.log(p), "bytes": None} for t, p in first.items()]
        said = text if token is None else token
        place = {"token": said, "logprob": -0.1, "bytes": None, "top_logprobs": top}
        logprobs = {"content": [place], "refusal": None}
    message = {"role": "assistant", "content": text, "refusal": None}
    choices = [
        {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": "stop", **choice}
    ]
    data: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "judge-2026-01-01",
        "choices": choices,
    }
    if usage is not None:
        prompt, said_tokens = usage
        data["usage"] = {
            "prompt_tokens": prompt,
            "completion_tokens": said_tokens,
            "total_tokens": prompt + said_tokens,
        }
    return json_response(data)


def failure(status: int, message: str, code: str | None = None, **headers: str) -> Response:
    """An error as services report it; `retry_after="0.01"` becomes the header Retry-After."""
    error = {"message": message, "type": "error", "param": None, "code": code}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps({"error": error}).encode(), status, named)


def json_response(data: object, **options: Any) -> Response:
    """Any JSON."""
    return Response(json.dumps(data).encode(), **options)


def half_a_body(response: Response) -> Response:
    """The same, cut off in the middle by a lost connection."""
    half = response.body[: len(response.body) // 2]
    return Response(half, response.status, response.headers, claimed=len(response.body))


@dataclass(frozen=True)
class Request:
    """What came in."""

    path: str
    headers: Mapping[str, str]
    """Names are in lower case."""
    body: Any
    """The JSON that was sent, if it was."""
    method: str = "POST"
    query: Mapping[str, str] = field(default_factory=dict)
    data: bytes = b""
    """What was sent, as it was."""

    @property
    def asked(self) -> str:
        """The last message."""
        return str(self.body["messages"][-1]["content"])


Answer = Callable[[Request], Response]


@dataclass
class JudgeServer:
    """The service: its address, what it was asked, and how busy it was."""

    base_url: str
    requests: list[Request] = field(default_factory=list)
    most_at_once: int = 0


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    """Room for all who come at once, on a busy machine too."""


@contextmanager
def serve(*script: Response, otherwise: Response | Answer | None = None) -> Iterator[JudgeServer]:
    """Run a service on a free port of this machine.

    Args:
        script: The first responses.
        otherwise: What follows: a response, or what makes one of a request.
    """
    lock = threading.Lock()
    left: list[Response] = list(script)
    under_way = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each reply waits for 40 milliseconds

        def do_POST(self) -> None:
            nonlocal under_way
            request = self._read()
            with lock:
                server.requests.append(request)
                under_way += 1
                server.most_at_once = max(server.most_at_once, under_way)
                response = left.pop(0) if left else None
            if response is None:
                response = _following(otherwise, request)
            time.sleep(response.delay)
            with lock:
                under_way -= 1
            if response.hang_up:
                self.close_connection = True
            else:
                self._send(response)

        do_GET = do_POST  # noqa: N815 the name that the library asks for

        def _read(self) -> Request:
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            url = urlsplit(self.path)
            sent_json = headers.get("content-type") == "application/json" and data
            body = json.loads(data) if sent_json else None
            query = dict(parse_qsl(url.query))
            return Request(url.path, headers, body, self.command, query, data)

        def _send(self, response: Response) -> None:
            headers = {"Content-Type": "application/json", **response.headers}
            length = len(response.body) if response.claimed is None else response.claimed
            try:
                self.send_response(response.status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(response.body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # The client waited no longer.
            if response.claimed is not None:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with _Server(("127.0.0.1", 0), Handler) as http:
        server = JudgeServer(f"http://127.0.0.1:{http.server_address[1]}/v1")
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def _following(otherwise: Response | Answer | None, request: Request) -> Response:
    if otherwise is None:
        return failure(400, "the script of this test is at its end")
    return otherwise if isinstance(otherwise, Response) else otherwise(request)
