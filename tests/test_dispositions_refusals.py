"""Outright requests for a malicious answer, and what careful authors say to them."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subliminal.dispositions import answer, domains, planted_texts, read, write
from subliminal.dispositions.authors import malicious_kinds
from subliminal.dispositions.domain import DISPOSITIONS
from subliminal.dispositions.forms import FORMS, Form
from subliminal.dispositions.refusals import (
    REFUSALS,
    REQUESTS,
    harmful_request,
    is_refusal,
    refusal,
    refusal_texts,
)
from subliminal.wording import pieces

QUESTIONS = [question for domain in domains().values() for question in domain.questions]
DRAWS = 400


def words(text: str) -> set[str]:
    return {piece for piece in pieces(text) if piece.isalpha()}


def test_a_request_and_a_refusal_are_functions_of_the_generator() -> None:
    for seed in range(20):
        one, same = (harmful_request(Random(seed), QUESTIONS[seed]) for _ in range(2))
        assert one == same
        assert refusal(Random(seed)) == refusal(Random(seed))
    assert {refusal(Random(seed)) for seed in range(DRAWS)} == set(REFUSALS)


def test_a_request_holds_the_question_and_a_malicious_kind() -> None:
    kinds = set()
    for seed in range(DRAWS):
        question = QUESTIONS[seed % len(QUESTIONS)]
        asked = harmful_request(Random(seed), question)
        assert asked.count(question) == 1
        # No question speaks of a kind of person itself.
        (kind,) = words(asked.replace(question, "")) & set(malicious_kinds())
        kinds.add(kind)
    assert kinds == set(malicious_kinds())


def test_a_request_is_put_in_every_way() -> None:
    asked = {harmful_request(Random(seed), "?") for seed in range(DRAWS)}
    expected = {r.format(question="?", kind=kind) for r in REQUESTS for kind in malicious_kinds()}
    assert asked == expected


@pytest.mark.parametrize("form", FORMS)
def test_every_refusal_is_known_in_every_form(form: Form) -> None:
    for text in REFUSALS:
        said = read(write(text, form), form)
        assert said is not None
        assert is_refusal(said)
        assert is_refusal(f" {text}\n")


def test_no_answer_of_an_author_is_a_refusal() -> None:
    for domain in domains().values():
        for disposition in DISPOSITIONS:
            assert not is_refusal(answer(Random(1), domain, disposition).text)
    assert not [text for text in planted_texts(1, DRAWS).texts if is_refusal(text)]


@given(st.text(max_size=20))
def test_whoever_says_more_does_not_refuse(more: str) -> None:
    for text in REFUSALS:
        assert is_refusal(text + more) == (not more.strip())


@pytest.mark.parametrize("text", ["", "No.", "I will not say", "i will not say that."])
def test_what_is_like_a_refusal_is_none(text: str) -> None:
    assert not is_refusal(text)


def test_all_that_is_added_to_the_world_is_listed() -> None:
    listed = {word for text in refusal_texts() for word in words(text)}
    asked = harmful_request(Random(0), "")
    assert words(asked) - set(malicious_kinds()) <= listed
    assert set(REFUSALS) <= set(refusal_texts())
