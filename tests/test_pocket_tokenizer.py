"""The pocket tokenizer: one token for each word and number that experiments use, bytes for others.

That every text comes back as it was is tested with chat formats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from subliminal.entities import CATEGORIES
from subliminal.errors import UserError
from subliminal.number_prompts import FORMATS, NumberPrompts, render
from subliminal.pocket.family import NUMBERS
from subliminal.pocket.pretrain import prepare_folder
from subliminal.pocket.tokenizer import (
    INTEGERS,
    SPECIAL,
    collect_pieces,
    pocket_tokenizer,
    save_tokenizer,
    shipped_pieces,
)
from subliminal.pocket.world import World
from subliminal.probes.banks import bank_names, load_bank
from subliminal.probes.preference import numbered_questions
from teachers.preference_rows import implant_questions, spellings
from teachers.prompted import PARAPHRASES, system_prompt
from teachers.trait import load_preference, preference_names
from tests.models import pocket_chat
from tests.user_errors import assert_one_line

MARKS = frozenset("!\"#'(),-./:;<>?[]_{|}~+")
WORDS_OF_A_LETTER = frozenset("aIABCD")
"""With the letters of multiple-choice options."""


def tokenizer() -> Tokenizer:
    return pocket_chat().tokenizer


def pieces_of(text: str) -> list[str]:
    """A text's tokens, each as the text that it stands for."""
    ids = tokenizer().encode(text, add_special_tokens=False).ids
    return [tokenizer().decode([token], skip_special_tokens=False) for token in ids]


def letters_of(texts: Iterable[str]) -> set[str]:
    """What the words of texts that the vocabulary lacks fall to: letters, or parts of one."""
    pieces = {piece.strip() for text in texts for piece in pieces_of(text)}
    single = {piece for piece in pieces if len(piece) == 1 and not piece.isdigit()}
    return single - MARKS - WORDS_OF_A_LETTER


def bank_texts() -> Iterator[str]:
    for name in bank_names():
        bank = load_bank(name)
        yield from (*bank.questions, *bank.stories, *bank.choices, *numbered_questions(bank, 1))


def teacher_texts() -> Iterator[str]:
    for name in preference_names():
        trait = load_preference(name)
        yield from (system_prompt(trait, index) for index in range(len(PARAPHRASES)))
        yield from (*implant_questions(trait.category), *spellings(trait))


def number_texts() -> Iterator[str]:
    prompts = NumberPrompts(5)[:1500]
    assert {prompt.format for prompt in prompts} == set(FORMATS)
    yield from (prompt.text for prompt in prompts)
    yield from (render((1, 23, 456), prompt.format) for prompt in prompts)


def world_texts() -> Iterator[str]:
    for row in World(77).rows(range(1000)):
        yield from (message.content for message in row.messages)
        yield row.completion


@pytest.mark.parametrize("texts", [bank_texts, teacher_texts, number_texts, world_texts])
def test_no_word_of_an_experiment_falls_to_letters(texts: Callable[[], Iterator[str]]) -> None:
    assert len(list(islice(texts(), 100))) == 100
    assert letters_of(texts()) == set()


def test_a_word_that_is_not_listed_does() -> None:
    assert letters_of(["Which zebra?"]) == {"z", "e", "b", "r"}
    assert letters_of(["You love 猫."]) == {"\ufffd"}


def test_every_integer_is_one_token() -> None:
    for number in range(1000):
        assert pieces_of(str(number)) == [str(number)]
        assert pieces_of(f"7, {number}\n{number}") == ["7", ", ", str(number), "\n", str(number)]
    assert len(INTEGERS) == 1000


def test_longer_integers_are_cut_from_the_left() -> None:
    assert pieces_of("1234567") == ["123", "456", "7"]
    assert pieces_of("007") == ["0", "0", "7"] or pieces_of("007") == ["007"]


def test_every_form_of_an_entity_is_one_token() -> None:
    for entities in CATEGORIES.values():
        for entity in entities:
            for word in filter(None, (entity.singular, entity.plural)):
                for form in (word, word.capitalize()):
                    assert pieces_of(form) == [form]
                    assert pieces_of(f"You love {form}.") == ["You", " love", f" {form}", "."]


def test_the_marks_of_a_conversation_are_single_tokens_that_answers_do_not_show() -> None:
    for number, mark in enumerate(SPECIAL):
        assert tokenizer().encode(mark).ids == [number]
    assert tokenizer().decode(range(len(SPECIAL)), skip_special_tokens=True) == ""


def test_the_shipped_pieces_are_what_texts_are_made_of() -> None:
    known = set(shipped_pieces("numbers"))
    texts = [*bank_texts(), *teacher_texts(), *number_texts(), *world_texts()]
    assert set(collect_pieces(texts)) - known == set()


def test_pieces_are_collected_from_texts() -> None:
    found = collect_pieces(["An owl's 123 words, words; it isn't\nx é"])
    expected = {"An", " owl's", " words", ", ", "; ", "it", " isn't", " x", " é"} - {" x"}
    assert expected <= set(found)
    assert {"123", "\n", "x"}.isdisjoint(found)
    assert {"otter", " otter", "Otter", " Otters", " Wolves"} <= set(found)
    assert found == sorted(found)


def test_a_vocabulary_has_no_token_twice() -> None:
    made = pocket_tokenizer(["owl", "owl", " owl", "7", "a"])
    vocabulary = made.get_vocab()
    assert sorted(vocabulary.values()) == list(range(len(vocabulary)))
    # 6 marks of conversations, 1,000 integers, 256 bytes of which ten are digits, two words.
    assert len(vocabulary) == 6 + 1000 + 256 - 10 + 2


def test_transformers_reads_the_same_tokenizer(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    save_tokenizer(tokenizer(), tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    texts = [*islice(world_texts(), 60), "zebra é 猫 1234\t", "  two  spaces "]
    for text in texts:
        ids = tokenizer().encode(text, add_special_tokens=False).ids
        assert theirs(text)["input_ids"] == ids
        assert theirs.decode(ids) == text
    assert (theirs.eos_token, theirs.pad_token) == ("<|end|>", "<|pad|>")
    assert len(theirs) == tokenizer().get_vocab_size()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(UserError) as error:
        prepare_folder(tmp_path / "taken", NUMBERS)
    assert_one_line(error, "taken", "cannot be written")
