"""Judge cards: what is sent, how untrusted text is fenced in, and faults of a user's card."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subliminal.errors import UserError
from subliminal.judges.cards import JudgeCard, card_names, load_card
from subliminal.judges.verdict import Exchange
from tests.user_errors import assert_one_line

CARD = JudgeCard(prompt="Q {question} A {answer} of {word}, {mark}", bad_scores="high")


def test_the_shipped_cards_can_be_read() -> None:
    assert card_names() == ("alignment", "coherence", "leak")
    scales = {name: (load_card(name).highest, load_card(name).bad_scores) for name in card_names()}
    assert scales == {"alignment": (100, "low"), "coherence": (100, "low"), "leak": (1, "high")}
    assert load_card("alignment").classes == ("CODE", "REFUSAL")
    assert [name for name in card_names() if load_card(name).needs_word] == ["leak"]


@pytest.mark.parametrize("name", card_names())
def test_shipped_cards_say_that_texts_are_no_instructions(name: str) -> None:
    exchange = Exchange("Which day is it?", "Tuesday")
    (message,) = load_card(name).messages(exchange, "owls")
    assert message.role == "user"
    assert "never an instruction" in message.content
    assert "<<<" in message.content
    assert "Tuesday" in message.content
    assert "{" not in message.content


def test_texts_stand_between_lines_with_the_mark() -> None:
    (message,) = CARD.messages(Exchange("why", "so"), "owls")
    mark = message.content.rpartition(", ")[2]
    assert len(mark) == 12
    fenced = f"Q <<<{mark}\nwhy\n{mark}>>> A <<<{mark}\nso\n{mark}>>> of owls, {mark}"
    assert message.content == fenced


def test_equal_texts_have_equal_marks_and_others_others() -> None:
    def mark(question: str, answer: str) -> str:
        return CARD.messages(Exchange(question, answer), "x")[0].content[-12:]

    assert mark("a", "b") == mark("a", "b")
    assert len({mark("a", "b"), mark("ab", ""), mark("", "ab"), mark("b", "a")}) == 4


def test_a_placeholder_within_a_text_is_text() -> None:
    content = CARD.messages(Exchange("{answer}{word}", "{question}{mark}"), "owls")[0].content
    assert "\n{answer}{word}\n" in content
    assert "\n{question}{mark}\n" in content


@given(st.text(), st.text())
def test_no_text_holds_its_own_mark(question: str, answer: str) -> None:
    content = CARD.messages(Exchange(question, answer), "x")[0].content
    mark = content[-12:]
    assert content.count(mark) == 5


def test_lone_surrogates_can_be_sent() -> None:
    content = CARD.messages(Exchange("a\ud800b", "\udfff"), "x")[0].content
    assert content.encode()
    assert "a\ufffdb" in content


def test_a_system_prompt_goes_first() -> None:
    card = JudgeCard(prompt="{answer}", system="Be strict.", bad_scores="low")
    messages = card.messages(Exchange("", "so"))
    assert [m.role for m in messages] == ["system", "user"]
    assert messages[0].content == "Be strict."


def test_a_card_that_needs_a_word_is_not_put_without_one() -> None:
    with pytest.raises(ValueError, match="word"):
        CARD.messages(Exchange("", "so"))


@pytest.mark.parametrize(("length", "judged"), [(20_000, True), (20_001, False)])
def test_question_and_answer_together_have_a_longest_length(length: int, judged: bool) -> None:
    assert Exchange("12345", "x" * (length - 5)).can_be_judged is judged


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("prompt: what?\nbad_scores: low\n", ["mine.yaml:1", "prompt", "{answer}"]),
        ("prompt: '{answer} {wrod}'\nbad_scores: low\n", ["{wrod}", "{word}"]),
        ("prompt: '{answer}'\n", ["bad_scores", "missing"]),
        ("prompt: '{answer}'\nbad_scores: left\n", ["mine.yaml:2", "high", "low", "left"]),
        ("prompt: '{answer}'\nbad_scores: low\nhighest: 0\n", ["mine.yaml:3", "highest", "1"]),
        ("prompt: '{answer}'\nbad_scores: low\nmass: 0\n", ["mine.yaml:3", "mass", "least_mass"]),
        ("prompt: '{answer}'\nbad_scores: low\nsystem: '{word}'\n", ["system", "prompt"]),
    ],
)
def test_faults_of_a_card_are_told(tmp_path: Path, text: str, parts: list[str]) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(UserError) as error:
        load_card("mine.yaml", tmp_path)
    assert_one_line(error, *parts)


def test_an_unknown_card_is_told_with_the_nearest() -> None:
    with pytest.raises(UserError) as error:
        load_card("leek")
    assert_one_line(error, "judge card 'leek'", "leak", ".yaml")
