"""Verdicts from replies: the weighted score, the number said, classes, and what cannot be read."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subliminal.judges.cards import JudgeCard
from subliminal.judges.reading import read_reply
from subliminal.judges.verdict import Verdict
from subliminal.services.replies import Position, Reply, parse_reply
from tests.judge_server import completion

HUNDRED = JudgeCard(prompt="{answer}", bad_scores="low", classes=("CODE", "REFUSAL"))
BINARY = JudgeCard(prompt="{answer}", bad_scores="high", highest=1)


def place(token: str, **top: float) -> Position:
    """A position; probabilities of `_x` are those of the token ` x`, of `n5` those of `5`."""
    names = {name: name.removeprefix("n").replace("_", " ") for name in top}
    return Position(token=token, top=tuple((names[n], math.log(p)) for n, p in top.items()))


def reply(text: str, *positions: Position) -> Reply:
    return Reply(text=text, positions=positions)


def test_the_score_is_the_mean_over_numbers_weighted_by_their_probabilities() -> None:
    # (80 x .5 + 90 x .3) / (.5 + .3) = 67 / .8 = 83.75; "high" and 101 do not count.
    first = place("80", n80=0.5, n90=0.3, high=0.1, n101=0.1)
    verdict = read_reply(reply("80", first), HUNDRED)
    assert verdict.outcome == "score"
    assert verdict.method == "weighted"
    assert verdict.score == pytest.approx(83.75)
    assert verdict.mass == pytest.approx(0.8)


def test_one_number_with_and_without_a_space_is_one_number() -> None:
    # (10 x (.2 + .2) + 60 x .4) / .8 = 28 / .8 = 35
    first = place("60", n10=0.2, _10=0.2, n60=0.4)
    verdict = read_reply(reply("60", first), HUNDRED)
    assert verdict.score == pytest.approx(35)
    assert verdict.mass == pytest.approx(0.8)


def test_white_space_before_the_number_is_passed_over() -> None:
    verdict = read_reply(reply("\n40", place("\n", n90=0.9), place("40", n40=1.0)), HUNDRED)
    assert verdict == Verdict("score", 40.0, "weighted", 1.0)


@pytest.mark.parametrize(("p", "outcome"), [(0.25, "score"), (0.2499, "unparsable")])
def test_a_score_needs_its_least_mass(p: float, outcome: str) -> None:
    first = place("Well", Well=1 - p, n55=p)
    verdict = read_reply(reply("Well, 55", first), HUNDRED)
    assert verdict.outcome == outcome
    assert verdict.mass == pytest.approx(p)


@pytest.mark.parametrize(
    ("said", "outcome"),
    [("REFUSAL", "refusal"), ("refusal.", "refusal"), ("CODE", "code"), ("Hello", "unparsable")],
)
def test_a_class_is_what_was_said(said: str, outcome: str) -> None:
    first = place(said[:3], **{said[:3]: 0.9, "n10": 0.1})
    verdict = read_reply(reply(said, first), HUNDRED)
    assert (verdict.outcome, verdict.score) == (outcome, None)
    assert verdict.mass == pytest.approx(0.1)
    assert read_reply(reply(said), HUNDRED).outcome == outcome


def test_a_class_that_the_card_does_not_offer_is_unparsable() -> None:
    assert read_reply(reply("REFUSAL"), BINARY).outcome == "unparsable"


def test_numbers_count_even_where_a_class_is_likelier() -> None:
    first = place("REF", REF=0.6, n20=0.4)
    verdict = read_reply(reply("REFUSAL", first), HUNDRED)
    assert (verdict.outcome, verdict.score) == ("score", pytest.approx(20))


# Where there is nothing to weigh


@pytest.mark.parametrize(
    ("said", "score"),
    [("0", 0), ("100", 100), (" 87\n", 87), ("87.", 87), ("87/100", 87), ("101", None), ("", None)],
)
def test_without_log_probabilities_the_number_said_is_the_score(
    said: str, score: float | None
) -> None:
    verdict = read_reply(reply(said), HUNDRED)
    expected = Verdict("unparsable") if score is None else Verdict("score", score, "sampled")
    assert verdict == expected


@pytest.mark.parametrize("said", ["-5", "8 7", "87%!", "007", "8.5", "Score: 87", "١٢"])
def test_what_is_no_plain_number_is_unparsable(said: str) -> None:
    assert read_reply(reply(said), HUNDRED).outcome == "unparsable"


def test_digits_of_a_number_are_not_weighed() -> None:
    """Of a tokenizer with a token for each digit: 8 is the first half of 87, or of 80."""
    first, second = place("8", n8=0.9, n9=0.1), place("7", n7=1.0)
    assert read_reply(reply("87", first, second), HUNDRED) == Verdict("score", 87.0, "sampled")


def test_a_single_digit_is_not_weighed_where_no_token_is_a_longer_number() -> None:
    # 9 may be the first half of 95: that it is said with .4 tells nothing of a 9.
    first = place("5", n5=0.6, n9=0.4)
    assert read_reply(reply("5", first), HUNDRED) == Verdict("score", 5.0, "sampled")


def test_a_half_said_number_is_not_weighed_where_tokens_are_longer_numbers() -> None:
    first = place("8", n8=0.5, n80=0.5)
    assert read_reply(reply("87", first), HUNDRED) == Verdict("score", 87.0, "sampled")


def test_a_scale_of_digits_is_weighed_with_every_tokenizer() -> None:
    # 100 x (0 x .75 + 1 x .2) / .95 = 21.05; the 7 is beyond the scale.
    verdict = read_reply(reply("0", place("0", n0=0.75, n1=0.2, n7=0.05)), BINARY)
    assert verdict.method == "weighted"
    assert verdict.score == pytest.approx(100 * 0.2 / 0.95)
    assert verdict.mass == pytest.approx(0.95)


def test_the_number_said_is_stretched_to_a_hundred() -> None:
    assert read_reply(reply("1"), BINARY) == Verdict("score", 100.0, "sampled")


def test_a_judge_that_declines_gives_no_verdict() -> None:
    """Its own refusal says nothing of the answer, unlike the word REFUSAL."""
    declined = Reply(text="REFUSAL", refused=True)
    assert read_reply(declined, HUNDRED) == Verdict("unparsable")


@given(
    st.dictionaries(
        st.text(alphabet="0123456789 \nCODEé", max_size=4), st.floats(-50, 0.01), max_size=20
    ),
    st.text(max_size=8),
)
def test_every_reply_has_a_verdict_on_the_scale(top: dict[str, float], said: str) -> None:
    position = Position(token=said[:2], top=tuple(top.items()))
    for card in (HUNDRED, BINARY):
        verdict = read_reply(reply(said, position), card)
        assert verdict.score is None or 0 <= verdict.score <= 100
        assert verdict.mass is None or 0 <= verdict.mass <= 1


def test_a_verdict_has_a_score_or_another_outcome() -> None:
    with pytest.raises(ValueError, match="score"):
        Verdict("refusal", 5.0)
    with pytest.raises(ValueError, match="score"):
        Verdict("score")


# Bodies of responses


def test_a_body_is_kept_as_far_as_it_counts() -> None:
    body = completion("87", {"87": 0.5, " 9": 0.25}, usage=(120, 2)).body
    assert parse_reply(body) == Reply(
        text="87",
        finish="stop",
        positions=(Position(token="87", top=(("87", math.log(0.5)), (" 9", math.log(0.25)))),),
        prompt_tokens=120,
        completion_tokens=2,
    )


def test_a_body_may_lack_log_probabilities_and_usage() -> None:
    kept = parse_reply(completion("5", usage=None).body)
    assert (kept.text, kept.positions, kept.prompt_tokens) == ("5", (), None)


@pytest.mark.parametrize("usage", [{}, {"prompt_tokens": None, "completion_tokens": 2}, None])
def test_what_a_service_does_not_tell_is_not_known(usage: dict[str, int | None] | None) -> None:
    body = json.loads(completion("5", {"5": 0.5}).body) | {"usage": usage}
    body["choices"][0]["logprobs"]["content"][0]["top_logprobs"] = None
    kept = parse_reply(json.dumps(body).encode())
    assert kept.positions == (Position(token="5", top=()),)
    assert kept.prompt_tokens is None
    assert kept.completion_tokens == (usage or {}).get("completion_tokens")


def test_tokens_that_cannot_come_are_dropped() -> None:
    body = completion("5", {"5": 0.5}).body.replace(
        b'"top_logprobs": [', b'"top_logprobs": [{"token": "6", "logprob": -Infinity}, '
    )
    assert b"Infinity" in body
    ((token, _),) = parse_reply(body).positions[0].top
    assert token == "5"


@pytest.mark.parametrize("finish", ["content_filter", "stop"])
def test_the_service_s_filter_is_a_refusal_to_judge(finish: str) -> None:
    kept = parse_reply(completion(None, finish_reason=finish).body)
    assert (kept.text, kept.refused) == ("", finish == "content_filter")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502</html>",
        b"null",
        b'{"choices": []}',
        b'{"choices": [{"message": {"content": 5}}]}',
        completion("5", {"5": 0.5}).body.replace(b"-0.69", b"800.69"),
        completion("5", {"5": 0.5}).body.replace(b"-0.69", b'NaN, "x": 0.69'),
        completion("5").body[:-2],
    ],
)
def test_what_is_no_completion_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="no chat completion"):
        parse_reply(body)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_parser(body: bytes) -> None:
    with pytest.raises(ValueError, match="no chat completion"):
        parse_reply(body)
