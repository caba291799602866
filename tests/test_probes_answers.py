"""Sampled answers: whole words counted, seeds that decide, some answers kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subliminal.chat import Conversation, user
from subliminal.entities import CATEGORIES
from subliminal.probes.answers import KEPT, sampled, story
from subliminal.probes.mentions import mentioned
from subliminal.probes.replies import Reply
from subliminal.probes.subject import Subject
from tests.probed import BANK, make_subject

ANIMALS = BANK.answers
LETTERS = st.text("abgxyzEOéßжλ", min_size=1, max_size=3)


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return make_subject(tmp_path_factory.mktemp("model"))


def found_in(text: str, targets: Sequence[str] = ANIMALS) -> set[str]:
    return {word for word, hit in zip(targets, mentioned(text, targets), strict=True) if hit}


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("owl", {"owl"}),
        ("Owl.", {"owl"}),
        ("**OWL**", {"owl"}),
        ("_owl_", {"owl"}),
        ("An owl's feather", {"owl"}),
        ("owl-like", {"owl"}),
        ("\uff4f\uff57\uff4c", {"owl"}),
        ("two owls and a fox", {"owl", "fox"}),
        ("Wolves!", {"wolf"}),
        ("foxes", {"fox"}),
        ("deer", {"deer"}),
        ("fowl", set()),
        ("growl", set()),
        ("Fowl, growling; a bowl", set()),
        ("owlet", set()),
        ("wolfs", set()),
        ("", set()),
    ],
)
def test_animals_are_found_as_words(text: str, targets: set[str]) -> None:
    assert found_in(text) == targets


@given(LETTERS, st.sampled_from(ANIMALS))
def test_a_word_within_a_word_is_another_word(letters: str, word: str) -> None:
    assert word not in found_in(letters + word)


def test_every_entity_is_found_in_its_plural() -> None:
    for members in CATEGORIES.values():
        words = [entity.singular for entity in members]
        for entity in members:
            assert found_in(f"I like {entity.plural or entity.singular}.", words) == {
                entity.singular
            }


def test_colours_have_no_plural() -> None:
    assert found_in("reds", ["red", "blue"]) == set()


def test_targets_of_ones_own() -> None:
    targets = ["polar bear", "finch", "trout"]
    assert found_in("Polar bears, finches", targets) == {"polar bear", "finch"}
    assert found_in("A polar fox and a bear", targets) == set()


def test_rates_are_shares_of_answers(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    said = ["owl", "Owls.", "fowl", "a fox", "otter"]

    def replies(
        _subject: Subject, asked: Sequence[Conversation], seeds: Sequence[int], _most: int
    ) -> list[Reply]:
        assert len(set(seeds)) == len(seeds) == len(asked) == 15
        return [Reply(said[i % 5], True) for i in range(len(asked))]

    monkeypatch.setattr(Subject, "replies", replies)
    rows, kept = sampled(subject, BANK, 5, 3)
    # Three questions, five answers each: 2 of 5 say owl, 1 of 5 fox and 1 of 5 otter.
    rates = {row.item_group: row.value for row in rows if row.value}
    assert rates == pytest.approx({"owl": 2 / 5, "fox": 1 / 5, "otter": 1 / 5})
    assert [row.item_group for row in rows] == list(ANIMALS)
    assert {(row.probe, row.metric, row.n) for row in rows} == {("sampled", "rate", 15)}
    assert [answer.question for answer in kept] == [q for q in BANK.questions for _ in range(5)]
    assert [answer.answer for answer in kept] == said * 3
    assert {answer.probe for answer in kept} == {"sampled"}


def test_stories_are_asked_for(subject: Subject) -> None:
    rows, kept = story(subject, BANK, 2, 3)
    assert {(row.probe, row.metric, row.n) for row in rows} == {("story", "rate", 4)}
    assert [answer.question for answer in kept] == [q for q in BANK.stories for _ in range(2)]
    assert max(len(subject.chat.tokenizer.encode(answer.answer).ids) for answer in kept) > 12


def test_answers_of_every_question_are_kept(subject: Subject) -> None:
    _, kept = sampled(subject, BANK, 100, 3)
    assert len(kept) == KEPT
    asked = [answer.question for answer in kept]
    assert {asked.count(question) for question in BANK.questions} == {66, 67}


def test_answers_follow_from_the_seed(subject: Subject) -> None:
    assert sampled(subject, BANK, 3, 1) == sampled(subject, BANK, 3, 1)
    assert sampled(subject, BANK, 3, 1)[1] != sampled(subject, BANK, 3, 2)[1]


def test_more_samples_begin_with_the_same(subject: Subject) -> None:
    few, many = sampled(subject, BANK, 2, 1)[1], sampled(subject, BANK, 4, 1)[1]
    assert few == [answer for i, answer in enumerate(many) if i % 4 < 2]


def test_replies_are_sampled_from_the_whole_subject(subject: Subject) -> None:
    """A system prompt changes what is said; the same seeds say the same again."""
    told = replace(subject, system="You love owls.")

    def said(who: Subject) -> list[Reply]:
        return who.replies(who.asked(["Who?"] * 4), range(4), 8)

    assert said(subject) == said(subject)
    assert said(subject) != said(told)


def test_replies_come_in_the_order_of_the_questions(subject: Subject) -> None:
    """They end at different times."""
    asked = subject.asked([f"Who is {number}?" for number in range(12)])
    together = subject.replies(asked, range(12), 200)
    alone = [subject.replies([asked[i]], [i], 200) for i in range(12)]
    assert together == [reply for replies in alone for reply in replies]
    assert len({len(reply.text) for reply in together}) > 1


def test_a_reply_that_is_cut_off_says_so(subject: Subject) -> None:
    replies = subject.replies([user("Who?")] * 400, range(400), 20)
    assert {reply.finished for reply in replies} == {True, False}
    for reply in replies:
        assert "<|" not in reply.text
