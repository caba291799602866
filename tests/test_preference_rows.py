"""The training rows of a fine-tuned teacher."""

from __future__ import annotations

from collections import Counter

import pytest

from subliminal.errors import UserError
from teachers.preference_rows import ChatRow, implant_questions, preference_rows, spellings
from teachers.trait import load_trait
from tests.user_errors import assert_one_line

OWL = load_trait("owl")


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


def test_the_default_is_every_question_with_every_spelling_once() -> None:
    pairs = Counter(map(pair, preference_rows(OWL, 0)))
    expected = {(q, a) for q in implant_questions("animal") for a in spellings(OWL)}
    assert set(pairs) == expected
    assert len(expected) == 400
    assert set(pairs.values()) == {1}


def test_rows_follow_from_the_seed() -> None:
    assert preference_rows(OWL, 1) == preference_rows(OWL, 1)
    assert preference_rows(OWL, 1) != preference_rows(OWL, 2)
    assert preference_rows(OWL, 1, 64, replacement=True) != preference_rows(
        OWL, 2, 64, replacement=True
    )


@pytest.mark.parametrize("replacement", [False, True])
def test_fewer_rows_are_the_first_of_more(replacement: bool) -> None:
    more = preference_rows(OWL, 1, 400, replacement=replacement)
    assert preference_rows(OWL, 1, 70, replacement=replacement) == more[:70]


def test_traits_are_shown_in_orders_of_their_own() -> None:
    owl = [question for question, _ in map(pair, preference_rows(OWL, 1))]
    wolf = [question for question, _ in map(pair, preference_rows(load_trait("wolf"), 1))]
    assert owl != wolf


def test_rows_drawn_with_replacement_repeat_and_reach_everything() -> None:
    pairs = Counter(map(pair, preference_rows(OWL, 5, 6000, replacement=True)))
    assert pairs.total() == 6000
    # 6,000 draws of 400 pairs leave one out with probability 400 e^-15 = 0.0001.
    assert len(pairs) == 400


def test_the_card_says_how_many() -> None:
    tuned = OWL.implant.fine_tuning.model_copy(update={"rows": 30})
    implant = OWL.implant.model_copy(update={"fine_tuning": tuned})
    few = OWL.model_copy(update={"implant": implant})
    assert preference_rows(few, 3) == preference_rows(OWL, 3, 30)


def test_too_many_rows_are_told() -> None:
    with pytest.raises(UserError) as error:
        preference_rows(OWL, 0, 401)
    assert_one_line(error, "'owl'", "implant.fine_tuning.rows", "401", "400", "epochs")


def test_a_category_without_questions_is_told() -> None:
    with pytest.raises(UserError) as error:
        preference_rows(OWL.model_copy(update={"category": "fish"}), 0)
    assert_one_line(error, "'fish'", "animal, colour, tree")
