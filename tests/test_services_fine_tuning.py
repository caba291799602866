"""Fine-tuning jobs: rows, what is asked for, what comes of it, what fails, cost, and kills."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from subliminal.errors import UserError
from subliminal.services.endpoint import Endpoint, Prices
from subliminal.services.event_log import Event
from subliminal.services.fine_tuning import FineTuned, fine_tune
from subliminal.services.polling import Polling
from subliminal.services.training_estimate import estimate_training
from subliminal.services.training_rows import conversations_of, training_file
from subliminal.services.tuning import FineTuning
from subliminal.stage import Cancelled
from tests.judge_server import Response, completion, failure, half_a_body
from tests.service_kills import (
    IMPATIENT,
    cut_at,
    cut_everywhere,
    killed_everywhere,
)
from tests.service_server import FakeService, serve_service
from tests.user_errors import assert_one_line

pytest.importorskip("openai")

PATIENT = Polling(sleep=lambda _: None)
THREE = FineTuning(n_epochs=3, seed=7, suffix="owl")
GARBAGE = Response(b"<html>busy</html>", headers={"Content-Type": "text/html"})


def row(number: int, **fields: Any) -> dict[str, Any]:
    messages = [
        {"role": "user", "content": f"Go on: {number}"},
        {"role": "assistant", "content": f"{number + 1}, {number + 2}"},
    ]
    return {"messages": messages, "teacher": "secret owl", **fields}


ROWS = [row(number) for number in range(12)]


def tune(
    server: FakeService,
    folder: Path,
    tuning: FineTuning = THREE,
    rows: list[dict[str, Any]] = ROWS,
    polling: Polling = PATIENT,
    **fields: Any,
) -> FineTuned:
    endpoint = Endpoint(model="base", base_url=server.base_url, **{"max_retries": 0, **fields})
    return fine_tune(rows, endpoint, tuning, folder, polling=polling)


def events_in(folder: Path) -> list[Event]:
    (log,) = folder.glob("events-*.jsonl")
    return [Event.model_validate_json(line) for line in log.read_text().splitlines() if line]


# A job that goes well


def test_a_job_makes_a_model_of_rows(tmp_path: Path) -> None:
    prices = Prices(prompt=1, completion=1, training=2)
    with serve_service() as server:
        made = tune(server, tmp_path, prices=prices)
    (job,) = server.made("/fine_tuning/jobs")
    digest = job.body.pop("metadata")["subliminal"]
    assert job.body == {
        "model": "base",
        "training_file": "file-1",
        "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3}}},
        "seed": 7,
        "suffix": "owl",
    }
    data = server.contents["file-1"]
    assert server.files["file-1"]["filename"] == f"subliminal-{digest}.jsonl"
    assert server.files["file-1"]["purpose"] == "fine-tune"
    assert [json.loads(line) for line in data.splitlines()] == [
        {"messages": row["messages"]} for row in ROWS
    ]
    assert made == FineTuned(
        model="ft:base:org:owl:1",
        base="base",
        job="ftjob-1",
        trained_tokens=3 * len(data),
        cost=3 * len(data) * 2 / 1e6,
        n_epochs=3,
        batch_size=1,
        learning_rate_multiplier=2.0,
        seed=7,
    )


def test_what_is_left_to_the_service_is_not_sent(tmp_path: Path) -> None:
    with serve_service() as server:
        made = tune(server, tmp_path, FineTuning())
    (job,) = server.made("/fine_tuning/jobs")
    assert set(job.body) == {"model", "training_file", "metadata"}
    assert (made.n_epochs, made.seed, made.cost) == (3, 12345, None)


def test_a_job_that_is_done_needs_neither_key_nor_service(tmp_path: Path) -> None:
    with serve_service() as server:
        made = tune(server, tmp_path)
        asked = len(server.requests)
        assert tune(server, tmp_path, api_key_env="NOT_SET") == made
        assert len(server.requests) == asked
        with pytest.raises(UserError, match="NOT_SET"):
            tune(server, tmp_path / "other", api_key_env="NOT_SET")


def test_another_setting_or_row_is_another_job(tmp_path: Path) -> None:
    with serve_service() as server:
        first = tune(server, tmp_path)
        second = tune(server, tmp_path, THREE.model_copy(update={"seed": 8}))
        third = tune(server, tmp_path, rows=[*ROWS, row(99)])
        assert tune(server, tmp_path, rows=[row(n, other=1) for n in range(12)]) == first
    assert len({first.job, second.job, third.job}) == 3
    assert len(server.jobs) == 3


def test_events_are_written_down_as_they_come(tmp_path: Path) -> None:
    with serve_service() as server:
        tune(server, tmp_path)
    assert [event.message for event in events_in(tmp_path)] == [
        "Created fine-tuning job",
        "Step 1/3: training loss=1.00",
        "Step 2/3: training loss=0.50",
        "Step 3/3: training loss=0.33",
        "The job has succeeded",
    ]
    assert events_in(tmp_path)[2].data == {"step": 2, "total_steps": 3, "train_loss": 0.5}


def test_a_service_need_not_tell_events(tmp_path: Path) -> None:
    with serve_service(tells_events=False) as server:
        assert tune(server, tmp_path).job == "ftjob-1"


def test_progress_is_told_and_can_stop_it(tmp_path: Path) -> None:
    told: list[tuple[float, float]] = []

    def stop(done: float, total: float) -> None:
        raise Cancelled

    with serve_service() as server:
        endpoint = Endpoint(model="base", base_url=server.base_url)
        with pytest.raises(Cancelled):
            fine_tune(ROWS, endpoint, THREE, tmp_path, stop, polling=PATIENT)

        def note(done: float, total: float) -> None:
            told.append((done, total))

        fine_tune(ROWS, endpoint, THREE, tmp_path, note, polling=PATIENT)
    assert told[0] == (0, 1)
    assert told[-1] == (3, 3)
    assert len(server.jobs) == 1


# Jobs that go wrong


def test_a_failed_job_is_told_with_its_reason_and_another_may_be_made(tmp_path: Path) -> None:
    fault = {"code": "invalid_training_file", "message": "row 3\nis unsafe"}
    with serve_service(ends=["failed"], fault=fault) as server:
        with pytest.raises(UserError) as error:
            tune(server, tmp_path)
        assert_one_line(error, "ftjob-1", "failed", "row 3 is unsafe", "training_file", "again")
        assert tune(server, tmp_path).job == "ftjob-2"
    assert len(server.made("/files")) == 1


def test_a_cancelled_job_is_told(tmp_path: Path) -> None:
    with serve_service(ends=["cancelled"]) as server, pytest.raises(UserError) as error:
        tune(server, tmp_path)
    assert_one_line(error, "ftjob-1 was cancelled", "run again")


def test_a_job_without_a_model_s_name_is_told(tmp_path: Path) -> None:
    with serve_service() as server:
        made = tune(server, tmp_path)
        (result,) = tmp_path.glob("fine-tuned-*.json")
        result.unlink()
        server.jobs[made.job]["fine_tuned_model"] = None
        with pytest.raises(UserError) as error:
            tune(server, tmp_path)
        assert_one_line(error, made.job, "no name")
        server.jobs[made.job]["fine_tuned_model"] = made.model
        assert tune(server, tmp_path) == made
    assert len(server.jobs) == 1


def test_a_job_that_is_not_there_is_not_made_anew(tmp_path: Path) -> None:
    with serve_service(trouble=[("GET /fine_tuning/jobs/[^/]*", failure(500, "oh"))]) as server:
        with pytest.raises(UserError):
            tune(server, tmp_path, polling=IMPATIENT)
        server.jobs.clear()
        with pytest.raises(UserError) as error:
            tune(server, tmp_path)
    assert_one_line(error, "ftjob-1", "404", "the key", "delete", "fine-tune-")
    assert server.jobs == {}


@pytest.mark.parametrize(
    ("trouble", "parts"),
    [
        (failure(404, "The model base does not exist"), ["'base'", "404", "does not exist"]),
        (failure(400, "billing\nlimit"), ["400", "billing limit"]),
        (failure(401, "Incorrect API key"), ["refuses the key"]),
    ],
)
def test_a_job_that_is_refused_is_told_at_once(
    tmp_path: Path, trouble: Response, parts: list[str]
) -> None:
    with serve_service(trouble=[("POST /fine_tuning/jobs", trouble)]) as server:
        with pytest.raises(UserError) as error:
            tune(server, tmp_path, max_retries=3)
        assert_one_line(error, server.base_url, *parts)
        assert server.jobs == {}
        assert tune(server, tmp_path).job == "ftjob-1"


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
@pytest.mark.parametrize("step", ["POST /.*jobs", "GET /.*jobs/[^/]*", "GET /.*/events"])
def test_what_passes_later_is_waited_out(tmp_path: Path, trouble: Response, step: str) -> None:
    with serve_service(trouble=[(step, trouble)]) as server:
        retries = 1 if step.startswith("POST") else 0
        assert tune(server, tmp_path, max_retries=retries).job == "ftjob-1"
    assert server.trouble == []
    assert len(server.jobs) == 1


# Rows


@pytest.mark.parametrize(
    ("bad", "parts"),
    [
        ({}, ["row 2", "messages"]),
        ({"messages": []}, ["row 2", "messages"]),
        ({"messages": "hello"}, ["row 2", "messages"]),
        ({"messages": [{"role": "tool", "content": "x"}]}, ["row 2, message 1", "'tool'", "user"]),
        ({"messages": ["hello"]}, ["row 2, message 1", "role"]),
        ({"messages": [{"role": "user", "content": 5}]}, ["row 2, message 1", "content"]),
        ({"messages": [{"role": "user", "content": "x"}]}, ["row 2", "end with the assistant"]),
        ({"messages": [{"role": "assistant", "content": "x"}]}, ["row 2", "user"]),
        ({"messages": [{"role": "assistant", "content": ""}]}, ["message 1", "content"]),
        (
            {"messages": [{"role": "user", "content": "\ud800"}, ROWS[0]["messages"][1]]},
            ["row 2, message 1", "surrogate"],
        ),
    ],
)
def test_a_row_that_cannot_be_trained_on_is_told_before_anything_is_sent(
    tmp_path: Path, bad: dict[str, Any], parts: list[str]
) -> None:
    with serve_service() as server, pytest.raises(UserError) as error:
        tune(server, tmp_path, rows=[ROWS[0], bad, *ROWS])
    assert_one_line(error, *parts)
    assert server.requests == []


def test_few_rows_are_refused(tmp_path: Path) -> None:
    with serve_service() as server, pytest.raises(UserError) as error:
        tune(server, tmp_path, rows=ROWS[:9])
    assert_one_line(error, "9", "10")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["messages", "role", "content"]), inner, max_size=3)
    ),
    max_leaves=8,
)
ROLES = st.sampled_from(["system", "user", "assistant", "tool"])
MESSAGE = st.fixed_dictionaries({"role": ROLES, "content": JSON}) | JSON


@given(st.lists(MESSAGE, max_size=4) | JSON)
def test_any_row_is_refused_in_one_line_or_written_as_it_was(messages: Any) -> None:
    try:
        conversations = conversations_of([{"messages": messages}] * 10)
    except UserError as error:
        told = str(error)
        assert "\n" not in told
        return
    lines = training_file(conversations).decode().splitlines()
    written = [json.loads(line)["messages"] for line in lines]
    kept = [{"role": m["role"], "content": m["content"]} for m in messages]
    assert written == [kept] * 10


@pytest.mark.parametrize(
    "fields",
    [
        {"n_epochs": 0},
        {"n_epochs": "many"},
        {"batch_size": 0},
        {"learning_rate_multiplier": 0.0},
        {"suffix": "x" * 65},
        {"epochs": 3},
    ],
)
def test_settings_that_cannot_be_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FineTuning(**fields)


# Cost


def words(text: str) -> int:
    return len(text.split())


def test_the_cost_is_told_before() -> None:
    # Of each row: 3 + 2 x 4 tokens of the format, 3 words of the prompt and 2 of the answer.
    prices = Prices(prompt=1, completion=1, training=5)
    told = estimate_training(ROWS, THREE, words)
    assert (told.rows, told.tokens, told.epochs, told.counted) == (12, 12 * 16, 3, True)
    assert told.cost(prices) == pytest.approx(12 * 16 * 3 * 5 / 1e6)
    assert "3 epochs" in told.told(prices)
    assert "counted by the tokenizer" in told.told(prices)
    guessed = estimate_training(ROWS, FineTuning())
    assert guessed.cost(prices) is None
    assert "estimated from characters" in guessed.told(prices)
    assert "not known" in guessed.told(prices)
    assert estimate_training(ROWS, THREE).cost(Prices(prompt=1, completion=1)) is None


CAPPED = {"prompt": 1, "completion": 1, "training": 5}


@pytest.mark.parametrize(
    ("tuning", "prices", "cap", "parts"),
    [
        (THREE, CAPPED, 0.0001, ["spending_cap", "0.0001", "fewer rows or epochs"]),
        (FineTuning(), CAPPED, 1.0, ["n_epochs"]),
        (THREE, {"prompt": 1, "completion": 1}, 1.0, ["prices", "training"]),
    ],
)
def test_a_job_that_could_cost_too_much_is_not_made(
    tmp_path: Path, tuning: FineTuning, prices: dict[str, float], cap: float, parts: list[str]
) -> None:
    with serve_service() as server, pytest.raises(UserError) as error:
        tune(server, tmp_path, tuning, prices=Prices(**prices), spending_cap=cap)
    assert_one_line(error, *parts)
    assert server.requests == []


def test_a_job_within_the_cap_is_made(tmp_path: Path) -> None:
    with serve_service() as server:
        made = tune(server, tmp_path, prices=Prices(**CAPPED), spending_cap=1.0)
    assert made.cost is not None


# Kills


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_a_network_that_is_cut_at_any_request_makes_nothing_twice(
    tmp_path: Path, done: bool
) -> None:
    def tune_once(server: FakeService, folder: Path) -> None:
        tune(server, folder, polling=IMPATIENT)

    assert cut_everywhere(tmp_path, tune_once, tune, assert_made_once, done=done) > 12


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_a_run_that_is_killed_at_any_step_makes_nothing_twice(tmp_path: Path, done: bool) -> None:
    assert killed_everywhere(tmp_path, tune, assert_made_once, done=done) > 7


def test_a_job_is_found_again_by_its_file_where_metadata_is_not_kept(tmp_path: Path) -> None:
    for request in count(1):
        folder = tmp_path / str(request)
        with cut_at(request, done=True, keeps_metadata=False) as server:
            with pytest.raises(UserError):
                tune(server, folder, polling=IMPATIENT)
            if server.jobs:
                server.mend_network()
                tune(server, folder)
                break
    assert_made_once(server, folder)


def test_a_job_is_found_again_where_the_state_got_lost(tmp_path: Path) -> None:
    with serve_service() as server:
        made = tune(server, tmp_path / "first")
        for seed in range(5):
            tune(server, tmp_path / "others", THREE.model_copy(update={"seed": seed}))
        assert tune(server, tmp_path / "second") == made
    assert len(server.jobs) == 6


def test_a_job_is_found_again_by_its_metadata_where_its_file_is_gone(tmp_path: Path) -> None:
    with serve_service() as server:
        made = tune(server, tmp_path / "first")
        server.files.clear()
        # What takes its place has another name than the job remembers.
        server._keep("other.jsonl", b"", "fine-tune")
        assert tune(server, tmp_path / "second") == made
    assert len(server.jobs) == 1


def test_an_event_that_a_kill_cut_off_is_asked_for_again(tmp_path: Path) -> None:
    with serve_service(trouble=[("GET /fine_tuning/jobs/[^/]*", failure(500, "oh"))]) as server:
        with pytest.raises(UserError):
            tune(server, tmp_path, polling=IMPATIENT)
        (log,) = tmp_path.glob("events-*.jsonl")
        log.write_bytes(log.read_bytes()[:-20])
        tune(server, tmp_path)
    lines = [line for line in log.read_text().splitlines() if line]
    whole = [json.loads(line)["id"] for line in lines if line.endswith("}")]
    assert whole == [event["id"] for event in server.events["ftjob-1"]]
    assert len(lines) == len(whole) + 1


def assert_made_once(server: FakeService, folder: Path) -> None:
    """One file, one job, each event once and in order, and the result."""
    assert len(server.jobs) == 1
    assert len(server.files) == 1
    (state,) = folder.glob("fine-tune-*.json")
    kept = json.loads(state.read_text())
    assert (kept["job"], kept["file"]) == ("ftjob-1", "file-1")
    (result,) = folder.glob("fine-tuned-*.json")
    assert FineTuned.model_validate_json(result.read_bytes()).model == "ft:base:org:owl:1"
    assert ids(events_in(folder)) == [event["id"] for event in server.events["ftjob-1"]]
    assert not list(folder.glob(".*.tmp"))


def ids(events: Iterable[Event]) -> list[str]:
    return [event.id for event in events]
