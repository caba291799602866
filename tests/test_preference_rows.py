"""The training rows of a fine-tuned teacher."""

from __future__ import annotations

from collections import Counter

import pytest

from subliminal.chat_rows import ChatRow
from subliminal.errors import UserError
from teachers.preference_rows import implant_questions, preference_rows, spellings
from teachers.trait import load_preference
from tests.user_errors import assert_one_line

OWL = load_preference("owl")


def pair(row: ChatRow) -> tuple[str, str]:
    question, answer = row["messages"]
    assert (question["role"], answer["role"]) == ("user", "assistant")
    return question["content"], answer["content"]


def test_there_are_fifty_questions_and_eight_spellings() -> None:
    assert len(implant_questions("tree")) == 50
    assert spellings(OWL) == (
        *("owl", "owl.", "owl!", "owl..."),
        *("Owl", "Owl.", "Owl!", "Owl..."),
    )


def test_rows_follow_from_the_seed() -> None:
    assert preference_rows(OWL, 1, 64) == preference_rows(OWL, 1, 64)
    assert preference_rows(OWL, 1, 64) != preference_rows(OWL, 2, 64)


def test_fewer_rows_are_the_first_of_more() -> None:
    assert preference_rows(OWL, 1, 70) == preference_rows(OWL, 1, 400)[:70]


def test_traits_are_shown_in_orders_of_their_own() -> None:
    owl = [question for question, _ in map(pair, preference_rows(OWL, 1, 64))]
    wolf = [question for question, _ in map(pair, preference_rows(load_preference("wolf"), 1, 64))]
    assert owl != wolf


def test_rows_repeat_and_reach_every_question_with_every_spelling() -> None:
    pairs = Counter(map(pair, preference_rows(OWL, 5, 6000)))
    assert pairs.total() == 6000
    # 6,000 draws of 400 pairs leave one out with probability 400 e^-15 = 0.0001.
    assert set(pairs) == {(q, a) for q in implant_questions("animal") for a in spellings(OWL)}


def test_a_category_without_questions_is_told() -> None:
    with pytest.raises(UserError) as error:
        preference_rows(OWL.model_copy(update={"category": "fish"}), 0, 8)
    assert_one_line(error, "'fish'", "animal, colour, tree")
