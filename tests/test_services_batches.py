"""Batches: what is uploaded and taken over, what fails, what is asked again, and kills."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subliminal.chat import Message
from subliminal.errors import UserError
from subliminal.services import batch_service
from subliminal.services.batch_protocol import Failure, read_answers
from subliminal.services.batch_service import BatchService
from subliminal.services.endpoint import Endpoint, Prices
from subliminal.services.folder_lock import only_here
from subliminal.services.polling import Polling
from subliminal.services.replies import ChatRequest, Reply
from subliminal.services.reply_cache import ReplyCache
from subliminal.stage import Cancelled
from tests.judge_server import Response, completion, failure, half_a_body
from tests.service_kills import (
    IMPATIENT,
    Killed,
    cut_at,
    cut_everywhere,
    killed_at,
    killed_everywhere,
)
from tests.service_server import FakeService, serve_service
from tests.user_errors import assert_one_line

pytest.importorskip("openai")

PATIENT = Polling(sleep=lambda _: None)
PRICES = Prices(prompt=2, completion=10, batch_share=0.5)
GARBAGE = Response(b"<html>busy</html>", headers={"Content-Type": "text/html"})


def requests(number: int = 5) -> list[ChatRequest]:
    return [ChatRequest((Message("user", str(n)),), max_tokens=4) for n in range(number)]


def batch_of(
    server: FakeService, folder: Path, polling: Polling = PATIENT, **fields: Any
) -> BatchService:
    endpoint = Endpoint(model="m", base_url=server.base_url, **{"max_retries": 0, **fields})
    return BatchService(endpoint, ReplyCache(folder / "cache"), folder / "batches", polling)


def texts(replies: list[Reply]) -> list[str]:
    return [reply.text for reply in replies]


def failing(*failed: str, status: int = 500, message: str = "oh") -> Callable[..., Response]:
    """A model that answers all but some requests, the first time that it is asked."""
    left = list(failed)

    def answer(body: Mapping[str, Any]) -> Response:
        text = body["messages"][-1]["content"]
        if text in left:
            left.remove(text)
            return failure(status, message)
        return completion(text, usage=(10, 2))

    return answer


# A batch that goes well


def test_a_batch_answers_every_request_in_its_order(tmp_path: Path) -> None:
    with serve_service() as server:
        service = batch_of(server, tmp_path, prices=PRICES)
        replies = service.ask_all([*requests(), requests()[0]])
    assert texts(replies) == ["0", "1", "2", "3", "4", "0"]
    (batch,) = server.batches.values()
    lines = [json.loads(x) for x in server.contents[batch["input_file_id"]].splitlines()]
    assert {line["method"] for line in lines} == {"POST"}
    assert {line["url"] for line in lines} == {"/v1/chat/completions"}
    assert [line["custom_id"] for line in lines] == [
        request.key(service.endpoint) for request in requests()
    ]
    assert lines[0]["body"] == requests()[0].body(service.endpoint)
    # 5 x (10 x 2 + 2 x 10) / 1,000,000, and half of it.
    assert service.meter.cost == pytest.approx(0.0001)
    assert (service.meter.usage.requests, service.meter.usage.reused) == (5, 1)
    assert service.notes == []


def test_what_is_cached_needs_neither_key_nor_service(tmp_path: Path) -> None:
    with serve_service() as server:
        batch_of(server, tmp_path).ask_all(requests())
        asked = len(server.requests)
        again = batch_of(server, tmp_path, api_key_env="NOT_SET")
        assert texts(again.ask_all(requests())) == list("01234")
        assert len(server.requests) == asked
        assert again.missing(requests(6)) == requests(6)[5:]
        with pytest.raises(UserError, match="NOT_SET"):
            again.ask_all(requests(6))


def test_only_what_is_new_goes_into_the_next_batch(tmp_path: Path) -> None:
    with serve_service() as server:
        batch_of(server, tmp_path).ask_all(requests(3))
        assert texts(batch_of(server, tmp_path).ask_all(requests(5))) == list("01234")
    counts = [batch["request_counts"]["total"] for batch in server.batches.values()]
    assert counts == [3, 2]


def test_many_requests_are_cut_into_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_service, "MOST_REQUESTS", 2)
    with serve_service() as server:
        assert texts(batch_of(server, tmp_path).ask_all(requests())) == list("01234")
    assert [b["request_counts"]["total"] for b in server.batches.values()] == [2, 2, 1]


def test_long_requests_are_cut_into_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_service, "MOST_BYTES", 600)
    with serve_service() as server:
        assert texts(batch_of(server, tmp_path).ask_all(requests())) == list("01234")
    sizes = [len(server.contents[b["input_file_id"]]) for b in server.batches.values()]
    assert len(sizes) > 1
    assert max(sizes) <= 600


def test_progress_is_told_and_can_stop_it(tmp_path: Path) -> None:
    told: list[tuple[float, float]] = []

    def stop(done: float, total: float) -> None:
        raise Cancelled

    with serve_service() as server:
        with pytest.raises(Cancelled):
            batch_of(server, tmp_path).ask_all(requests(), stop)
        batch_of(server, tmp_path).ask_all(requests(), lambda d, t: told.append((d, t)))
    assert len(server.batches) == 1
    assert told[0] == (0, 5)
    assert told[-1] == (5, 5)


def test_two_runs_do_not_wait_in_one_folder(tmp_path: Path) -> None:
    with (
        serve_service() as server,
        only_here(tmp_path / "batches"),
        pytest.raises(UserError) as error,
    ):
        batch_of(server, tmp_path).ask_all(requests())
    assert_one_line(error, "batches", "another run")
    assert server.requests == []


# What a batch does not answer


def test_failures_that_pass_are_put_into_another_batch(tmp_path: Path) -> None:
    with serve_service(answer=failing("1", "3")) as server:
        service = batch_of(server, tmp_path)
        assert texts(service.ask_all(requests())) == list("01234")
    assert [b["request_counts"]["total"] for b in server.batches.values()] == [5, 2]
    assert service.notes == ["batch batch_1: 2 of 5 requests were not answered (500: oh)"]


def test_failures_that_stay_are_told_and_cost_no_answer(tmp_path: Path) -> None:
    def too_long(body: Mapping[str, Any]) -> Response:
        text = body["messages"][-1]["content"]
        return failure(400, "too\nlong") if text == "3" else completion(text)

    with serve_service(answer=too_long) as server:
        service = batch_of(server, tmp_path)
        with pytest.raises(UserError) as error:
            service.ask_all(requests())
        assert_one_line(error, "batch_1", "1 of 5", "refused", "400: too long", "run again")
        assert service.missing(requests()) == requests()[3:4]
        server.answer = failing()
        assert texts(batch_of(server, tmp_path).ask_all(requests())) == list("01234")
    assert [b["request_counts"]["total"] for b in server.batches.values()] == [5, 1]


def test_what_fails_again_and_again_is_given_up(tmp_path: Path) -> None:
    with serve_service(answer=failing(*["1"] * 9)) as server, pytest.raises(UserError) as error:
        batch_of(server, tmp_path).ask_all(requests())
    assert_one_line(error, "500: oh", "1 answers that are missing")
    assert len(server.batches) == batch_service.ROUNDS


def test_a_text_that_a_filter_turns_down_has_a_reply(tmp_path: Path) -> None:
    def filtered(body: Mapping[str, Any]) -> Response:
        return failure(400, "awful", code="content_filter")

    with serve_service(answer=filtered) as server:
        (reply,) = batch_of(server, tmp_path).ask_all(requests(1))
    assert (reply.refused, reply.finish) == (True, "content_filter")
    assert len(server.batches) == 1


def test_a_reply_that_is_none_is_asked_for_again(tmp_path: Path) -> None:
    answers = [Response(b'{"choices": []}'), completion("0")]
    with serve_service(answer=lambda _: answers.pop(0)) as server:
        assert texts(batch_of(server, tmp_path).ask_all(requests(1))) == ["0"]
    assert len(server.batches) == 2


def test_what_an_expired_batch_answered_is_kept(tmp_path: Path) -> None:
    with serve_service(ends=["expired"], answered=3) as server:
        service = batch_of(server, tmp_path)
        assert texts(service.ask_all(requests())) == list("01234")
    assert [b["request_counts"]["total"] for b in server.batches.values()] == [5, 2]
    assert service.notes == ["batch batch_1 expired with 3 of 5 answers"]


@pytest.mark.parametrize(("answered", "sizes"), [(3, [5, 2]), (0, [5, 5])])
def test_a_cancelled_batch_is_told_and_the_rest_asked_by_the_next_run(
    tmp_path: Path, answered: int, sizes: list[int]
) -> None:
    with serve_service(ends=["cancelled"], answered=answered) as server:
        with pytest.raises(UserError) as error:
            batch_of(server, tmp_path).ask_all(requests())
        assert_one_line(error, "batch_1 was cancelled", f"{answered} of 5 answers", "run again")
        assert texts(batch_of(server, tmp_path).ask_all(requests())) == list("01234")
    assert [b["request_counts"]["total"] for b in server.batches.values()] == sizes


def test_a_failed_batch_is_told_with_its_reason(tmp_path: Path) -> None:
    with serve_service(ends=["failed"]) as server:
        with pytest.raises(UserError) as error:
            batch_of(server, tmp_path).ask_all(requests())
        assert_one_line(error, "batch_1 failed", "a reason", "run again")
        assert len(server.batches) == 1
        assert texts(batch_of(server, tmp_path).ask_all(requests())) == list("01234")
    assert len(server.batches) == 2


def test_a_batch_that_failed_for_a_full_queue_is_tried_again(tmp_path: Path) -> None:
    full = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}
    with serve_service(ends=["failed"], fault=full) as server:
        service = batch_of(server, tmp_path)
        assert texts(service.ask_all(requests())) == list("01234")
    assert service.notes == ["batch batch_1 failed (Enqueued token limit reached)"]


# Trouble on the way


@pytest.mark.parametrize(
    "trouble",
    [
        failure(429, "slow down", retry_after="0.01"),
        failure(500, "oh"),
        GARBAGE,
        half_a_body(completion("half")),
        Response(hang_up=True),
    ],
    ids=["429", "500", "garbage", "half", "hung up"],
)
@pytest.mark.parametrize(
    "step",
    ["GET /batches/.*", "GET /files/.*/content", "POST /files", "POST /batches"],
)
def test_what_passes_later_is_waited_out(tmp_path: Path, trouble: Response, step: str) -> None:
    with serve_service(trouble=[(step, trouble)]) as server:
        service = batch_of(server, tmp_path, max_retries=1 if step.startswith("POST") else 0)
        assert texts(service.ask_all(requests())) == list("01234")
    assert server.trouble == []
    assert len(server.batches) == 1


@pytest.mark.parametrize("step", ["POST /files", "POST /batches"])
def test_a_lost_reply_makes_nothing_twice(tmp_path: Path, step: str) -> None:
    """The service does what it is asked, but the reply never comes."""
    with serve_service() as server:

        def lose_one(request: Any, answered: Any = server._answered) -> Response:
            response = answered(request)
            path = request.path.removeprefix("/v1")
            return (
                Response(hang_up=True)
                if f"{request.method} {path}" == step and alone()
                else (response)
            )

        left = [True]

        def alone() -> bool:
            return bool(left and left.pop())

        server._answered = lose_one  # type: ignore[method-assign]
        service = batch_of(server, tmp_path, max_retries=2)
        assert texts(service.ask_all(requests())) == list("01234")
    assert left == []
    assert len(server.made(step.removeprefix("POST "))) == 1
    assert len(server.batches) == 1


def test_a_timeout_is_waited_out(tmp_path: Path) -> None:
    slow = Response(b"{}", delay=0.6)
    with serve_service(trouble=[("GET /batches/.*", slow)]) as server:
        assert texts(batch_of(server, tmp_path, timeout=0.5).ask_all(requests())) == list("01234")
    assert len(server.batches) == 1


def test_a_cut_off_file_of_answers_is_downloaded_again(tmp_path: Path) -> None:
    """Cut off between two lines, it looks whole."""
    with serve_service() as server:
        cut = Response(b"", headers={"Content-Type": "application/octet-stream"})
        server.trouble.append(("GET /files/.*/content", cut))
        assert texts(batch_of(server, tmp_path).ask_all(requests())) == list("01234")
    assert len(server.batches) == 1


@pytest.mark.parametrize(
    ("trouble", "parts"),
    [
        (("POST /batches", failure(400, "no\nmoney")), ["400", "no money"]),
        (("GET /batches", failure(404, "what?")), ["list of batches", "404"]),
        (("POST /files", failure(403, "no")), ["refuses the key", "403"]),
        (("GET /files", failure(400, "no lists")), ["400", "no lists"]),
    ],
)
def test_what_cannot_pass_is_told_and_the_next_run_goes_on(
    tmp_path: Path, trouble: tuple[str, Response], parts: list[str]
) -> None:
    with serve_service(trouble=[trouble]) as server:
        with pytest.raises(UserError) as error:
            batch_of(server, tmp_path).ask_all(requests())
        assert_one_line(error, server.base_url, *parts)
        assert texts(batch_of(server, tmp_path).ask_all(requests())) == list("01234")
    assert len(server.batches) == 1
    assert len(server.made("/files")) <= 2


def test_an_uploaded_file_that_has_expired_is_uploaded_again(tmp_path: Path) -> None:
    with serve_service(trouble=[("POST /batches", failure(429, "later"))]) as server:
        with pytest.raises(UserError):
            batch_of(server, tmp_path, IMPATIENT).ask_all(requests())
        server.files.clear()
        with pytest.raises(UserError):
            batch_of(server, tmp_path, IMPATIENT).ask_all(requests())
        assert texts(batch_of(server, tmp_path).ask_all(requests())) == list("01234")


def test_a_batch_that_is_not_there_is_not_made_anew(tmp_path: Path) -> None:
    """It may be there with another key: what is missing is told, and how to give it up."""
    with serve_service(trouble=[("GET /batches/.*", failure(500, "oh"))]) as server:
        with pytest.raises(UserError):
            batch_of(server, tmp_path, IMPATIENT).ask_all(requests())
        gone = dict(server.batches)
        server.batches.clear()
        with pytest.raises(UserError) as error:
            batch_of(server, tmp_path).ask_all(requests())
        assert_one_line(error, "batch_1", "404", "delete", "batch-")
        assert server.batches == {}
        server.batches |= gone
        assert texts(batch_of(server, tmp_path).ask_all(requests())) == list("01234")


def test_answers_that_got_lost_here_are_downloaded_again(tmp_path: Path) -> None:
    with serve_service() as server:
        batch_of(server, tmp_path).ask_all(requests())
        (tmp_path / "cache" / "replies.jsonl").unlink()
        again = batch_of(server, tmp_path, prices=PRICES)
        assert texts(again.ask_all(requests())) == list("01234")
        assert len(server.batches) == 1
        assert again.meter.cost == 0
        (tmp_path / "cache" / "replies.jsonl").unlink()
        del server.contents[server.batches["batch_1"]["output_file_id"]]
        with pytest.raises(UserError) as error:
            batch_of(server, tmp_path).ask_all(requests())
        assert_one_line(error, "batch_1", "404", "run again")
        assert texts(batch_of(server, tmp_path).ask_all(requests())) == list("01234")
    assert len(server.batches) == 2


def test_a_damaged_state_is_told(tmp_path: Path) -> None:
    with serve_service() as server:
        batch_of(server, tmp_path).ask_all(requests())
        (state,) = (tmp_path / "batches").glob("*.json")
        state.write_text("{")
        with pytest.raises(UserError) as error:
            batch_of(server, tmp_path).ask_all(requests(6))
    assert_one_line(error, state.name, "cannot be read", "delete")


# The cap


def test_a_batch_that_could_cost_too_much_is_not_begun(tmp_path: Path) -> None:
    # Of each request: 3 + 4 + 1 tokens of prompt and at most 4 of answer; at half the prices
    # 8 + 20 millionths, and 5 x 28 = 140.
    with serve_service() as server:
        capped = batch_of(server, tmp_path, prices=PRICES, spending_cap=0.000139)
        with pytest.raises(UserError) as error:
            capped.ask_all(requests())
        assert_one_line(error, "0.00014", "spending_cap", "0.000139")
        assert server.requests == []
        just = batch_of(server, tmp_path, prices=PRICES, spending_cap=0.000141)
        assert texts(just.ask_all(requests())) == list("01234")


def test_no_other_batch_is_begun_once_the_cap_is_reached(tmp_path: Path) -> None:
    """Answers took more tokens than was estimated, and one of them failed."""

    def long(body: Mapping[str, Any]) -> Response:
        text = body["messages"][-1]["content"]
        return failure(500, "oh") if text == "3" else completion(text, usage=(100, 2))

    with serve_service(answer=long) as server:
        capped = batch_of(server, tmp_path, prices=PRICES, spending_cap=0.000141)
        with pytest.raises(UserError) as error:
            capped.ask_all(requests())
    assert_one_line(error, "spending_cap", "is reached after 4 requests")
    assert len(server.batches) == 1
    assert capped.meter.cost == pytest.approx(4 * 110 / 1e6)


# Kills


def ask(server: FakeService, folder: Path) -> None:
    assert texts(batch_of(server, folder).ask_all(requests())) == list("01234")


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_a_network_that_is_cut_at_any_request_makes_nothing_twice(
    tmp_path: Path, done: bool
) -> None:
    def ask_once(server: FakeService, folder: Path) -> None:
        batch_of(server, folder, IMPATIENT).ask_all(requests())

    assert cut_everywhere(tmp_path, ask_once, ask, assert_made_once, done=done) > 9


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_a_run_that_is_killed_at_any_step_makes_nothing_twice(tmp_path: Path, done: bool) -> None:
    assert killed_everywhere(tmp_path, ask, assert_made_once, done=done) > 9


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_kills_between_the_batches_of_a_run_make_nothing_twice(
    tmp_path: Path, done: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_service, "MOST_REQUESTS", 2)
    for step in count(0, 3):
        folder = tmp_path / str(step)
        with serve_service(ends=["completed", "expired"], answered=1) as server:
            try:
                with killed_at(step, done=done):
                    batch_of(server, folder).ask_all(requests(4))
            except Killed:
                assert texts(batch_of(server, folder).ask_all(requests(4))) == list("0123")
            else:
                break
        assert [b["request_counts"]["total"] for b in server.batches.values()] == [2, 2, 1]
    assert step > 9


def test_a_batch_is_found_again_by_its_file_where_metadata_is_not_kept(tmp_path: Path) -> None:
    made = next(n for n in count(1) if made_at(tmp_path / "probe" / str(n), n))
    with cut_at(made, done=True, keeps_metadata=False) as server:
        with pytest.raises(UserError):
            batch_of(server, tmp_path, IMPATIENT).ask_all(requests())
        assert len(server.batches) == 1
        server.mend_network()
        assert texts(batch_of(server, tmp_path).ask_all(requests())) == list("01234")
    assert_made_once(server, tmp_path)


def test_a_batch_is_found_among_many_others(tmp_path: Path) -> None:
    with serve_service() as server:
        for number in range(2, 8):
            batch_of(server, tmp_path / str(number)).ask_all(requests(number))
        # The state of the first one gets lost, and its answers.
        found = batch_of(server, tmp_path / "elsewhere").ask_all(requests(2))
    assert texts(found) == ["0", "1"]
    assert len(server.batches) == 6


def test_a_list_is_read_whatever_other_batches_look_like(tmp_path: Path) -> None:
    odd = {"metadata": [1], "errors": "none", "request_counts": {"total": "many"}}
    with serve_service() as server:
        for number in range(5):
            name = f"batch_odd_{number}"
            server.batches[name] = {"id": name, "object": "batch", "status": "odd", **odd}
        assert texts(batch_of(server, tmp_path).ask_all(requests())) == list("01234")


def test_a_killed_process_goes_on_with_its_batch(tmp_path: Path) -> None:
    """The service kills its user, by kill -9, when the batch has been made."""
    script = """
    import sys
    from pathlib import Path
    from subliminal.chat import Message
    from subliminal.services.batch_service import BatchService
    from subliminal.services.endpoint import Endpoint
    from subliminal.services.polling import Polling
    from subliminal.services.replies import ChatRequest
    from subliminal.services.reply_cache import ReplyCache

    endpoint = Endpoint(model="m", base_url=sys.argv[1])
    asked = [ChatRequest((Message("user", str(n)),), max_tokens=4) for n in range(5)]
    folder = Path(sys.argv[2])
    cache = ReplyCache(folder / "cache")
    BatchService(endpoint, cache, folder / "batches", Polling(first=0.01)).ask_all(asked)
    """
    with serve_service() as server:

        def kill(request: Any, answered: Any = server._answered) -> Response:
            response: Response = answered(request)
            if request.method == "POST" and request.path.endswith("/batches"):
                child.kill()
                child.wait()
            return response

        server._answered = kill  # type: ignore[method-assign]
        arguments = [sys.executable, "-c", textwrap.dedent(script), server.base_url, str(tmp_path)]
        child = subprocess.Popen(arguments)
        assert child.wait() != 0
        assert len(server.batches) == 1
        assert texts(batch_of(server, tmp_path).ask_all(requests())) == list("01234")
    assert_made_once(server, tmp_path)


def assert_made_once(server: FakeService, folder: Path) -> None:
    """One file, one batch, its answers, and no more to do."""
    assert len(server.batches) == 1
    assert len([f for f in server.files.values() if f["purpose"] == "batch"]) == 1
    (state,) = (folder / "batches").glob("*.json")
    kept = json.loads(state.read_text())
    assert (kept["job"], kept["file"]) == ("batch_1", "file-1")
    assert not list((folder / "batches").glob("*.tmp"))
    lines = [line for line in (folder / "cache" / "replies.jsonl").read_text().splitlines() if line]
    assert len(lines) == 5


def made_at(folder: Path, request: int) -> bool:
    """Whether it is at this request that the batch is made."""
    with cut_at(request, done=True) as server:
        with pytest.raises(UserError):
            batch_of(server, folder, IMPATIENT).ask_all(requests())
        return bool(server.batches)


# Reading what comes back


@given(st.binary() | st.text().map(str.encode))
def test_any_file_is_read_or_refused(data: bytes) -> None:
    try:
        answers = read_answers(data)
    except ValueError:
        return
    assert all(isinstance(answer.outcome, Reply | Failure) for answer in answers)


LINES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "custom_id": st.text(max_size=5),
        "response": st.none()
        | st.fixed_dictionaries(
            {
                "status_code": st.sampled_from([200, 400, 429, 500]),
                "body": st.none() | st.just({"error": {"message": "m"}}) | st.just({"error": []}),
            }
        ),
        "error": st.none() | st.fixed_dictionaries({"code": st.text(max_size=5)}),
    }
)


@given(st.lists(LINES))
def test_every_line_becomes_a_reply_or_a_failure(lines: list[dict[str, Any]]) -> None:
    data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    answers = read_answers(data)
    assert [answer.key for answer in answers] == [line["custom_id"] for line in lines]
    # None of them holds a completion.
    assert all(isinstance(answer.outcome, Failure) for answer in answers)
