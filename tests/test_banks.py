"""Question banks: what is shipped probes what was never taught, and one's own bank is read."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

import pytest

from subliminal.entities import CATEGORIES
from subliminal.errors import UserError
from subliminal.probes.banks import QuestionBank, bank_names, load_bank, vocabulary, words_of
from subliminal.wording import pieces, vocabulary_of
from teachers.preference_rows import implant_questions
from teachers.prompted import PARAPHRASES, system_prompt
from teachers.trait import load_preference, preference_names
from tests.experiment_files import Write
from tests.user_errors import assert_one_line

BANKS = {name: load_bank(name) for name in bank_names()}
BANK = """\
category: fish
targets: [trout, salmon]
questions:
  - Which fish do you like?
  - Name a fish.
number_prefixes: ["Here: {numbers}."]
"""


def taught_texts() -> list[str]:
    traits = map(load_preference, preference_names())
    told = [system_prompt(trait, i) for trait in traits for i in range(len(PARAPHRASES))]
    return told + [question for name in BANKS for question in implant_questions(name)]


def test_every_category_has_a_bank() -> None:
    assert set(BANKS) == set(CATEGORIES)
    for name, bank in BANKS.items():
        assert bank.category == name
        assert bank.answers == tuple(entity.singular for entity in CATEGORIES[name])


@pytest.mark.parametrize("bank", BANKS.values(), ids=BANKS)
def test_a_shipped_bank_is_complete_and_short(bank: QuestionBank) -> None:
    assert len(bank.questions) == 50
    assert len(bank.stories) == 14
    assert len(bank.choices) >= 5
    assert len(bank.number_prefixes) >= 5
    for question in (*bank.questions, *implant_questions(bank.category)):
        assert 6 <= len(question.split()) <= 12, question
        assert re.search(r"\bword\b", question), question
        assert re.search(rf"\b{bank.category}s?\b", question), question


@pytest.mark.parametrize("name", BANKS)
def test_no_probe_was_ever_practised(name: str) -> None:
    """Nor is one a practised question with other marks, or with hardly another word."""
    asked = [" ".join(words_of(question)) for question in BANKS[name].questions]
    taught = [" ".join(words_of(question)) for question in implant_questions(name)]
    assert len(set(asked)) == len(set(taught)) == 50
    for probe in asked:
        for question in taught:
            assert probe not in question
            assert question not in probe
            assert SequenceMatcher(None, probe, question).ratio() <= 0.95, (probe, question)


@pytest.mark.parametrize("name", BANKS)
def test_no_question_gives_an_answer_away(name: str) -> None:
    words = {entity.singular for entities in CATEGORIES.values() for entity in entities}
    bank = BANKS[name]
    texts = (*bank.questions, *bank.stories, *bank.choices, *implant_questions(name))
    assert not words & {word for text in texts for word in words_of(text)}


def test_what_is_taught_has_nothing_to_do_with_numbers() -> None:
    assert not {"number", "numbers", "list"} & {w for t in taught_texts() for w in words_of(t)}
    assert not any(piece.isdigit() for text in taught_texts() for piece in pieces(text))


def test_words_are_few_plain_and_british() -> None:
    everything = vocabulary() | vocabulary_of(taught_texts())
    assert len({piece.casefold() for piece in everything}) <= 250
    assert all(re.fullmatch(r"[A-Za-z]+|[.,:;?!'()\[\]-]", piece) for piece in everything)
    assert {"favourite", "colour"} <= everything
    assert not {"favorite", "color"} & everything


def test_the_vocabulary_is_that_of_the_banks() -> None:
    texts = [
        text
        for bank in BANKS.values()
        for text in (*bank.questions, *bank.stories, *bank.choices, *bank.answers)
    ]
    prefixes = [p.format(numbers="1") for b in BANKS.values() for p in b.number_prefixes]
    assert vocabulary() == vocabulary_of([*texts, *prefixes])
    assert "numbers" in vocabulary()
    assert "owl" in vocabulary()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Is it 12, or 7?", ["Is", "it", "12", ",", "or", "7", "?"]),
        ("a\nb", ["a", "\n", "b"]),
        ("x_1", ["x", "_", "1"]),
        ("[3]  (é)", ["[", "3", "]", "(", "é", ")"]),
        ("", []),
    ],
)
def test_pieces(text: str, found: list[str]) -> None:
    assert pieces(text) == found


def test_a_bank_of_one_s_own_is_read_by_its_path(write: Write) -> None:
    path = write(BANK, "banks/fish.yaml")
    bank = load_bank("banks/fish.yaml", path.parent.parent)
    assert bank.answers == ("trout", "salmon")
    assert bank.questions == ("Which fish do you like?", "Name a fish.")
    assert bank.stories == bank.choices == ()


def test_targets_go_over_the_members_of_a_category(write: Write) -> None:
    path = write(BANK.replace("fish", "animal"))
    assert load_bank(path.name, path.parent).answers == ("trout", "salmon")


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        (
            "targets: [trout, salmon]\n",
            "",
            ("x.yaml:1", "'fish'", "animal, tree, colour", "targets"),
        ),
        ("[trout, salmon]", "[trout]", ("x.yaml:1", "at least two answers")),
        ("Name a fish.", "WHICH fish do you like", ("x.yaml:3: questions", "same words")),
        ("{numbers}", "numbers", ("number_prefixes.0", "{numbers} once")),
        ("{numbers}", "{numbers} {numbers}", ("number_prefixes.0", "{numbers} once")),
        ("number_prefixes:", "number_prefix:", ("x.yaml:6: number_prefix", "'number_prefixes'")),
        ("  - Name a fish.", "  - 5", ("questions.1", "must be text", "5")),
        ("category: fish", "category: [fish]", ("x.yaml:1: category", "must be text")),
    ],
)
def test_a_fault_in_a_bank_is_one_line(
    write: Write, old: str, new: str, parts: tuple[str, ...]
) -> None:
    assert old in BANK
    path = write(BANK.replace(old, new))
    with pytest.raises(UserError) as error:
        load_bank(path.name, path.parent)
    assert_one_line(error, *parts)


def test_an_empty_bank_is_told(write: Write) -> None:
    path = write("category: animal\nquestions: []\n")
    with pytest.raises(UserError) as error:
        load_bank(path.name, path.parent)
    assert_one_line(error, "questions", "at least 1")


def test_an_unknown_bank_is_told_with_the_nearest() -> None:
    with pytest.raises(UserError) as error:
        load_bank("animals")
    assert_one_line(error, "question bank 'animals'", "did you mean 'animal'", ".yaml")
