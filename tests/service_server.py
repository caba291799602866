"""A local service with files, batches and fine-tuning jobs, as the OpenAI protocol has them.

It keeps what it is told, lists it newest first and in short pages, and takes some polls to get a
job done. Its network can be cut at any request, before the request is done or after.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from functools import cache
from typing import Any

import pytest

from tests.judge_server import (
    Request,
    Response,
    completion,
    failure,
    json_response,
    serve,
)

BASE_CREATED = 1_700_000_000
PAGE = 2
"""Items of a list's page at most, whatever is asked for, so that lists have pages."""
BATCH_STATES = ("validating", "in_progress", "finalizing", "completed")
JOB_STATES = ("validating_files", "queued", "running", "succeeded")

Answer = Callable[[Mapping[str, Any]], Response]
"""What the model says to the body of a request for a completion."""


def echo(body: Mapping[str, Any]) -> Response:
    """Say what was asked."""
    return completion(str(body["messages"][-1]["content"]), usage=(10, 2))


@dataclass
class FakeService:
    """The service's state, and how it behaves."""

    answer: Answer = echo
    ends: list[str] = field(default_factory=list)
    """How batches and jobs end, in the order in which they are made; then they go well."""
    answered: int | None = None
    """How many requests of a batch are answered that expires or is cancelled."""
    fault: Mapping[str, Any] = field(default_factory=lambda: {"code": "bad", "message": "a reason"})
    """Why those fail that fail."""
    keeps_metadata: bool = True
    tells_events: bool = True
    cut_at: int | None = None
    """The network is gone from this request on; 1 is the first."""
    done_before_cut: bool = False
    """Whether the request at which it is cut is still done."""
    requests: list[Request] = field(default_factory=list)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    trouble: list[tuple[str, Response]] = field(default_factory=list)
    """What is answered instead, once each, to the first requests whose method and path match."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    base_url: str = ""

    def __call__(self, request: Request) -> Response:
        """Answer a request."""
        with self.lock:
            self.requests.append(request)
            number = len(self.requests)
            if self.cut_at is not None and number >= self.cut_at:
                if number == self.cut_at and self.done_before_cut:
                    self._answered(request)
                return Response(hang_up=True)
            return self._answered(request)

    def made(self, of: str) -> list[Request]:
        """The requests that were to make something, by the end of their path."""
        return [r for r in self.requests if r.method == "POST" and r.path.endswith(of)]

    def mend_network(self) -> None:
        """The network works again."""
        self.cut_at = None

    def _answered(self, request: Request) -> Response:
        asked = f"{request.method} {request.path.removeprefix('/v1')}"
        for place, (pattern, response) in enumerate(self.trouble):
            if re.fullmatch(pattern, asked):
                del self.trouble[place]
                return response
        for pattern, handle in _ROUTES:
            match = re.fullmatch(pattern, asked)
            if match:
                try:
                    return handle(self, request, *match.groups())
                except KeyError:
                    return failure(404, f"No such thing: {match.groups()}")
        return failure(404, f"Unknown request URL: {asked}")

    # Files

    def _upload(self, request: Request) -> Response:
        parts = _form(request)
        name, data = parts["file"]
        return json_response(self._keep(name, data, parts["purpose"][1].decode()))

    def _keep(self, name: str, data: bytes, purpose: str) -> dict[str, Any]:
        number = len(self.files) + 1
        file: dict[str, Any] = {
            "id": f"file-{number}",
            "object": "file",
            "bytes": len(data),
            "created_at": BASE_CREATED + number,
            "filename": name,
            "purpose": purpose,
            "status": "uploaded",
            "status_details": None,
        }
        self.files[file["id"]] = file
        self.contents[file["id"]] = data
        return dict(file)

    def _file(self, request: Request, name: str) -> Response:
        self.files[name]["status"] = "processed"
        return json_response(self.files[name])

    def _content(self, request: Request, name: str) -> Response:
        return Response(self.contents[name], headers={"Content-Type": "application/octet-stream"})

    def _files(self, request: Request) -> Response:
        purpose = request.query.get("purpose")
        return _listed(request, [f for f in self.files.values() if f["purpose"] == purpose])

    # Batches

    def _make_batch(self, request: Request) -> Response:
        body = request.body
        if self.files[body["input_file_id"]]["purpose"] != "batch":
            return failure(400, "the file's purpose must be batch")
        assert body["endpoint"] == "/v1/chat/completions"
        assert body["completion_window"] == "24h"
        number = len(self.batches) + 1
        lines = self.contents[body["input_file_id"]].splitlines()
        batch = {
            "id": f"batch_{number}",
            "object": "batch",
            "endpoint": body["endpoint"],
            "errors": None,
            "input_file_id": body["input_file_id"],
            "completion_window": "24h",
            "status": BATCH_STATES[0],
            "output_file_id": None,
            "error_file_id": None,
            "created_at": BASE_CREATED + number,
            "expires_at": BASE_CREATED + number + 86_400,
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
            "metadata": body.get("metadata") if self.keeps_metadata else None,
        }
        self.batches[batch["id"]] = batch
        return json_response(batch)

    def _batch(self, request: Request, name: str) -> Response:
        batch = self.batches[name]
        if batch["status"] in BATCH_STATES[:-1]:
            end = self._end_of(self.batches, name)
            if batch["status"] == BATCH_STATES[0] and end == "failed":
                batch["status"] = "failed"
                batch["errors"] = {"object": "list", "data": [{**self.fault, "line": 1}]}
            elif batch["status"] == BATCH_STATES[-2]:
                self._finish(batch, end or "completed")
            else:
                batch["status"] = BATCH_STATES[BATCH_STATES.index(batch["status"]) + 1]
        return json_response(batch)

    def _batches(self, request: Request) -> Response:
        return _listed(request, list(self.batches.values()))

    def _finish(self, batch: dict[str, Any], end: str) -> None:
        requests = [json.loads(line) for line in self.contents[batch["input_file_id"]].splitlines()]
        most = len(requests) if end == "completed" else self.answered
        answers: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for number, asked in enumerate(requests):
            line = {"id": f"batch_req_{number}", "custom_id": asked["custom_id"]}
            if most is not None and number >= most:
                why = {"code": f"batch_{end}", "message": f"The batch was {end}."}
                errors.append({**line, "response": None, "error": why})
                continue
            response = self.answer(asked["body"])
            body = json.loads(response.body)
            done = {"status_code": response.status, "request_id": f"req_{number}", "body": body}
            into = answers if response.status == 200 else errors
            into.append({**line, "response": done, "error": None})
        batch["status"] = end
        # A service gives them back in any order.
        for field_name, lines in (("output_file_id", answers[::-1]), ("error_file_id", errors)):
            data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
            if data:
                batch[field_name] = self._keep("output.jsonl", data, "batch_output")["id"]
        counts = {"total": len(requests), "completed": len(answers), "failed": len(errors)}
        batch["request_counts"] = counts

    # Fine-tuning jobs

    def _make_job(self, request: Request) -> Response:
        body = request.body
        file = self.files[body["training_file"]]
        if file["status"] != "processed":
            return failure(400, "the file is not ready to be used for fine-tuning")
        supervised = body.get("method", {"supervised": {"hyperparameters": {}}})["supervised"]
        auto = {"n_epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto"}
        number = len(self.jobs) + 1
        job = {
            "id": f"ftjob-{number}",
            "object": "fine_tuning.job",
            "created_at": BASE_CREATED + number,
            "error": {},
            "fine_tuned_model": None,
            "finished_at": None,
            "hyperparameters": {**auto, **supervised["hyperparameters"]},
            "model": body["model"],
            "organization_id": "org-1",
            "result_files": [],
            "seed": body.get("seed", 12345),
            "status": JOB_STATES[0],
            "trained_tokens": None,
            "training_file": file["id"],
            "validation_file": None,
            "metadata": body.get("metadata") if self.keeps_metadata else None,
            "suffix": body.get("suffix"),
        }
        self.jobs[job["id"]] = job
        self.events[job["id"]] = []
        self._happens(job, "Created fine-tuning job")
        return json_response(job)

    def _job(self, request: Request, name: str) -> Response:
        job = self.jobs[name]
        if job["status"] in JOB_STATES[:-1]:
            end = self._end_of(self.jobs, name)
            job["status"] = JOB_STATES[JOB_STATES.index(job["status"]) + 1]
            if job["status"] == "running":
                self._train(job)
            elif job["status"] == "succeeded":
                self._settle(job, end or "succeeded")
        return json_response(job)

    def _jobs(self, request: Request) -> Response:
        return _listed(request, list(self.jobs.values()))

    def _train(self, job: dict[str, Any]) -> None:
        for name, value in (("n_epochs", 3), ("batch_size", 1), ("learning_rate_multiplier", 2.0)):
            if job["hyperparameters"][name] == "auto":
                job["hyperparameters"][name] = value
        for step in (1, 2, 3):
            metrics = {"step": step, "total_steps": 3, "train_loss": 1 / step}
            self._happens(job, f"Step {step}/3: training loss={1 / step:.2f}", metrics)

    def _settle(self, job: dict[str, Any], end: str) -> None:
        job["status"] = end
        if end == "succeeded":
            rows = self.contents[job["training_file"]]
            suffix = job["suffix"] or ""
            job["fine_tuned_model"] = f"ft:{job['model']}:org:{suffix}:{job['id'][-1]}"
            job["trained_tokens"] = len(rows) * job["hyperparameters"]["n_epochs"]
        elif end == "failed":
            job["error"] = {**self.fault, "param": "training_file"}
        self._happens(job, f"The job has {end}")

    def _happens(self, job: dict[str, Any], message: str, data: object = None) -> None:
        events = self.events[job["id"]]
        events.append(
            {
                "object": "fine_tuning.job.event",
                "id": f"{job['id']}-event-{len(events)}",
                "created_at": BASE_CREATED + len(events),
                "level": "info",
                "message": message,
                "type": "message" if data is None else "metrics",
                "data": data,
            }
        )

    def _job_events(self, request: Request, name: str) -> Response:
        if not self.tells_events:
            return failure(404, "no events here")
        return _listed(request, self.events[name])

    def _end_of(self, made: Mapping[str, object], name: str) -> str | None:
        place = list(made).index(name)
        return self.ends[place] if place < len(self.ends) else None

    def _complete(self, request: Request) -> Response:
        return self.answer(request.body)


_ROUTES: tuple[tuple[str, Callable[..., Response]], ...] = (
    (r"POST /chat/completions", FakeService._complete),
    (r"POST /files", FakeService._upload),
    (r"GET /files", FakeService._files),
    (r"GET /files/([^/]+)", FakeService._file),
    (r"GET /files/([^/]+)/content", FakeService._content),
    (r"POST /batches", FakeService._make_batch),
    (r"GET /batches", FakeService._batches),
    (r"GET /batches/([^/]+)", FakeService._batch),
    (r"POST /fine_tuning/jobs", FakeService._make_job),
    (r"GET /fine_tuning/jobs", FakeService._jobs),
    (r"GET /fine_tuning/jobs/([^/]+)", FakeService._job),
    (r"GET /fine_tuning/jobs/([^/]+)/events", FakeService._job_events),
)


@contextmanager
def serve_service(**behaviour: Any) -> Iterator[FakeService]:
    """Run a service on a free port of this machine."""
    service = FakeService(**behaviour)
    with serve(otherwise=service) as server, pytest.MonkeyPatch.context() as patch:
        # A client reads the machine's certificates, which takes it longer than all that it is
        # asked to do here, and for nothing: this is plain HTTP.
        patch.setattr(ssl, "create_default_context", _certificates)
        service.base_url = server.base_url
        yield service


@cache
def _certificates(**_: object) -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _listed(request: Request, items: list[dict[str, Any]]) -> Response:
    """A page of a list, the newest first."""
    newest = items[::-1]
    after = request.query.get("after")
    if after is not None:
        newest = newest[[item["id"] for item in newest].index(after) + 1 :]
    page = newest[: min(int(request.query.get("limit", 20)), PAGE)]
    return json_response({"object": "list", "data": page, "has_more": len(newest) > len(page)})


def _form(request: Request) -> dict[str, tuple[str, bytes]]:
    """The parts of a form by their names: file names and contents."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    parts = {}
    for part in BytesParser().parsebytes(head + request.data).walk():
        name = part.get_param("name", header="content-disposition")
        if name is not None:
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            parts[str(name)] = (part.get_filename() or "", content)
    return parts
