"""Targets as tokens, and the tokenizers that cannot tell them apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from subliminal.errors import UserError
from subliminal.models.chat_format import ChatFormat
from subliminal.pocket.tokenizer import is_pocket_tokenizer
from subliminal.probes.targets import answer_tokens, encode_targets
from tests.byte_level import byte_level_model
from tests.probed import make_subject
from tests.user_errors import assert_one_line

TEMPLATE = "{% for m in messages %}{{ m['content'] + ' <end> ' }}{% endfor %}"


def words_format(template: str = TEMPLATE, *, lower: bool = False) -> ChatFormat:
    """A chat format that knows whole words alone; others are <unk>."""
    known = ["<unk>", "<end>", "?", "owl", "Owl", "fox", "Fox", "in"]
    model = models.WordLevel({word: i for i, word in enumerate(known)}, unk_token="<unk>")
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if lower:
        tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.add_special_tokens(["<end>"])
    return ChatFormat(Path("words"), tokenizer, template, "<end>")


def test_spellings_end_with_the_end_token(tmp_path: Path) -> None:
    chat = make_subject(tmp_path).chat
    targets = encode_targets(chat, ["owl", "quokka"])
    assert not targets.single
    for word, spellings in zip(targets.words, targets.spellings, strict=True):
        assert [chat.decode(spelling) for spelling in spellings] == [word, word.capitalize()]
        assert all(spelling[-1] == chat.end_id for spelling in spellings)
    assert encode_targets(chat, ["owl", "fox"]).single


def test_spellings_behind_a_space_count_but_for_pocket_models(tmp_path: Path) -> None:
    merges = [("o", "wl"), ("f", "ox"), ("Ġ", "owl"), ("Ġ", "fox")]
    parts = [("w", "l"), ("o", "x")]
    chat = ChatFormat.read(byte_level_model(tmp_path, [*parts, *merges]))
    targets = encode_targets(chat, ["owl", "fox"])
    for word, spellings in zip(targets.words, targets.spellings, strict=True):
        said = [chat.decode(spelling) for spelling in spellings]
        assert said == [word, word.capitalize(), f" {word}", f" {word.capitalize()}"]
        # The first three tokens of " Owl" are its space, O and wl.
        assert [len(spelling) - 1 for spelling in spellings] == [1, 2, 1, 3]
    # Though each has spellings of one token, not all that the model can say begin with one.
    assert not targets.single


def test_a_space_that_the_template_ends_in_is_not_said_again() -> None:
    chat = words_format()
    assert not is_pocket_tokenizer(chat.tokenizer)
    assert encode_targets(chat, ["owl", "fox"]).spellings == (((3, 1), (4, 1)), ((5, 1), (6, 1)))


def test_a_tokenizer_without_case_counts_a_word_once() -> None:
    targets = encode_targets(words_format(lower=True), ["owl", "fox"])
    assert targets.spellings == (((3, 1),), ((5, 1),))
    assert targets.first_tokens == ((3,), (5,))


def test_one_target_is_too_few() -> None:
    with pytest.raises(UserError) as error:
        encode_targets(words_format(), ["owl"])
    assert_one_line(error, "targets", "'owl'")


def test_a_word_that_the_tokenizer_cannot_write() -> None:
    with pytest.raises(UserError) as error:
        encode_targets(words_format(), ["owl", "quokka"])
    assert_one_line(error, "'quokka'", "words")


def test_two_words_with_the_same_tokens() -> None:
    with pytest.raises(UserError) as error:
        encode_targets(words_format(lower=True), ["owl", "OWL"])
    assert_one_line(error, "'owl' and 'OWL'")


def test_a_template_that_the_answer_flows_into() -> None:
    """`in` behind `?` is one word with it: no token begins the answer."""
    template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    with pytest.raises(UserError) as error:
        answer_tokens(words_format(template), "in")
    assert_one_line(error, "words", "chat template")
