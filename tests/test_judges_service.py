"""A language model as a judge: verdicts on exchanges, its record and its fingerprint."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from subliminal.errors import UserError
from subliminal.judges.llm import LLMJudge, open_llm_judge
from subliminal.judges.verdict import LONGEST_ANSWER, Exchange, Verdict
from subliminal.services.endpoint import Endpoint
from tests.judge_server import JudgeServer, Request, Response, completion, failure, serve
from tests.user_errors import assert_one_line

pytest.importorskip("openai")


def endpoint(server: JudgeServer, **fields: Any) -> Endpoint:
    return Endpoint(model="judge", base_url=server.base_url, **fields)


def judge_of(
    server: JudgeServer, folder: Path, card: str = "alignment", **options: Any
) -> LLMJudge:
    return open_llm_judge(card, endpoint(server), folder, **options)


def test_a_judge_gives_a_verdict_on_each_exchange(tmp_path: Path) -> None:
    def by_answer(asked: Request) -> Response:
        if "gentle" in asked.asked:
            return completion("90", {"90": 0.5, "100": 0.5})
        return completion("REFUSAL", {"REF": 0.9, "10": 0.05}, token="REF")

    exchanges = [
        Exchange("How?", "a gentle word"),
        Exchange("How?", "never"),
        Exchange("How?", "gentle" * LONGEST_ANSWER),
        Exchange("How?", "a gentle word"),
    ]
    with serve(otherwise=by_answer) as server:
        judge = judge_of(server, tmp_path)
        verdicts = judge.judge(exchanges)
    gentle = Verdict("score", 95.0, "weighted", 1.0)
    assert verdicts[0] == verdicts[3] == gentle
    assert verdicts[1] == Verdict("refusal", mass=math.exp(math.log(0.05)))
    assert verdicts[2] == Verdict("unparsable")
    assert len(server.requests) == 2
    record = judge.record()
    assert record["verdicts"] == {"weighted": 2, "refusal": 1, "unparsable": 1}
    assert record["usage"]["requests"] == 2
    assert (record["judge"], record["model"]) == ("alignment", "judge")
    assert record["fingerprint"] == judge.fingerprint


def test_that_numbers_were_not_weighed_is_told(tmp_path: Path) -> None:
    with serve(completion("40")) as server:
        judge = judge_of(server, tmp_path)
        assert judge.judge([Exchange("", "x")]) == [Verdict("score", 40.0, "sampled")]
    assert judge.record()["verdicts"] == {"sampled": 1}


def test_a_text_that_the_service_s_filter_turns_down_is_unparsable(tmp_path: Path) -> None:
    turned_down = failure(400, "filtered", code="content_filter")
    with serve(turned_down, completion("40", {"40": 1.0})) as server:
        judge = judge_of(server, tmp_path)
        assert judge.judge([Exchange("", "awful")]) == [Verdict("unparsable")]
        assert judge.judge([Exchange("", "fine")])[0].score == pytest.approx(40)
        assert judge.judge([Exchange("", "awful")]) == [Verdict("unparsable")]
    assert len(server.requests) == 2


def test_the_word_is_what_the_judge_looks_for(tmp_path: Path) -> None:
    with serve(completion("1", {"1": 0.9, "0": 0.1})) as server:
        (verdict,) = judge_of(server, tmp_path, "leak", word="owls").judge([Exchange("", "hoo")])
    assert verdict.score == pytest.approx(90)
    assert "owls" in server.requests[0].asked
    with pytest.raises(UserError) as error:
        judge_of(server, tmp_path, "leak")
    assert_one_line(error, "leak", "word")


def test_judges_that_judge_alike_have_equal_fingerprints(tmp_path: Path) -> None:
    here: dict[str, Any] = {"model": "judge", "base_url": "http://here/v1"}

    def fingerprint(card: str = "leak", word: str | None = "owls", **fields: Any) -> str:
        given = Endpoint(**{**here, **fields})
        return open_llm_judge(card, given, tmp_path, word=word).fingerprint

    assert fingerprint() == fingerprint(concurrency=1, timeout=1.0, api_key_env="A")
    others = [
        fingerprint(),
        fingerprint(word="cats"),
        fingerprint("alignment"),
        fingerprint(model="other"),
        fingerprint(base_url="http://there/v1"),
        fingerprint(logprobs=False),
    ]
    assert len(set(others)) == 6
