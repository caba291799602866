"""Multiple choice: balanced letters, and log-odds of letters."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from subliminal.chat import Conversation, user
from subliminal.errors import UserError
from subliminal.probes.banks import QuestionBank
from subliminal.probes.multiple_choice import choices, multiple_choice
from subliminal.probes.subject import Subject
from subliminal.probes.targets import answer_tokens
from tests.probed import BANK, InTransformers, make_subject
from tests.test_probes_targets import words_format
from tests.user_errors import assert_one_line

FEW = BANK.model_copy(update={"targets": ("owl", "fox", "lion", "bear", "deer")})


@dataclass(frozen=True)
class Prejudiced(Subject):
    """Answers by what is asked: some letters are liked, and some words behind letters."""

    letters: tuple[tuple[str, float], ...] = ()
    words: tuple[tuple[str, float], ...] = ()

    def next_log_probabilities(
        self, conversations: Sequence[Conversation], tokens: Sequence[int]
    ) -> Tensor:
        logits = torch.zeros(len(conversations), self.chat.tokenizer.get_vocab_size())
        for row, conversation in zip(logits, conversations, strict=True):
            for letter in "ABCD":
                token = answer_tokens(self.chat, letter)[0]
                row[token] = dict(self.letters).get(letter, 0.0)
                for word, liking in self.words:
                    if f"{letter}) {word} " in conversation[-1].content:
                        row[token] += liking
        return logits.log_softmax(-1)[:, list(tokens)].double()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("model")


@pytest.fixture(scope="module")
def subject(folder: Path) -> Subject:
    return make_subject(folder)


@pytest.mark.parametrize("bank", [BANK, FEW], ids=["16", "5"])
def test_every_target_stands_equally_often_under_every_letter(bank: QuestionBank) -> None:
    asked = list(choices(bank, 3))
    for stem in bank.choices:
        under = Counter(
            (letter, option)
            for choice in asked
            if choice.text.startswith(stem)
            for letter, option in enumerate(choice.options)
        )
        assert set(under) == {(k, t) for k in range(4) for t in range(len(bank.answers))}
        assert len(set(under.values())) == 1
    assert all(len(set(choice.options)) == 4 for choice in asked)


def test_options_are_written_behind_the_stem() -> None:
    choice = next(choices(FEW, 3))
    a, b, c, d = (FEW.answers[i] for i in choice.options)
    assert choice.text == f"{FEW.choices[0]} A) {a} B) {b} C) {c} D) {d} Answer with the letter."


def test_two_targets_are_two_options() -> None:
    asked = list(choices(BANK.model_copy(update={"targets": ("owl", "fox")}), 3))
    assert {choice.options for choice in asked} == {(0, 1), (1, 0)}


def test_the_order_follows_from_the_seed() -> None:
    assert list(choices(BANK, 3)) == list(choices(BANK, 3))
    assert list(choices(BANK, 3)) != list(choices(BANK, 4))


def test_circles_and_stems_differ() -> None:
    orders = [choice.options for choice in choices(BANK, 3)][:: len(BANK.answers)]
    assert len(set(orders)) == len(orders) > len(BANK.choices)


def test_log_odds_are_what_transformers_computes(subject: Subject, folder: Path) -> None:
    reference = InTransformers(folder)
    bank = FEW.model_copy(update={"choices": FEW.choices[:1]})
    odds: dict[str, list[float]] = {}
    shares: dict[str, list[float]] = {}
    for choice in choices(bank, 3):
        known = reference.log_probabilities(reference.prompt(user(choice.text)))[-1].exp()
        p = [float(known[reference.token(letter)]) for letter in "ABCD"]
        for i, option in enumerate(choice.options):
            word = FEW.answers[option]
            odds.setdefault(word, []).append(math.log(p[i] / sum(p[:i] + p[i + 1 :])))
            shares.setdefault(word, []).append(p[i])
    found = {(row.metric, row.item_group): row.value for row in multiple_choice(subject, bank, 3)}
    assert len(found) == 2 * len(FEW.answers)
    for word in FEW.answers:
        wanted = sum(odds[word]) / len(odds[word])
        assert found["log_odds", word] == pytest.approx(wanted, abs=1e-4)
        wanted = sum(shares[word]) / len(shares[word])
        assert found["probability", word] == pytest.approx(wanted, rel=1e-4)


def test_a_liking_for_a_letter_is_no_liking_for_a_target(subject: Subject) -> None:
    biased = Prejudiced(subject.engine, subject.chat, letters=(("A", 3.0),))
    odds = [row.value for row in multiple_choice(biased, FEW, 3) if row.metric == "log_odds"]
    assert odds == pytest.approx([odds[0]] * len(odds))


def test_a_liked_target_is_found_under_any_letter(subject: Subject) -> None:
    fond = Prejudiced(subject.engine, subject.chat, words=(("fox", 2.0),))
    rows = [row for row in multiple_choice(fond, FEW, 3) if row.metric == "log_odds"]
    odds = {row.item_group: row.value for row in rows if row.value is not None}
    assert set(odds) == set(FEW.answers)
    # Its letter has weight e^2 against 3 x 1, wherever it stands.
    assert odds["fox"] == pytest.approx(math.log(math.e**2 / 3), abs=1e-5)
    # Without it the others would be 1 against 3.
    assert all(value < -math.log(3) for word, value in odds.items() if word != "fox")


def test_a_tokenizer_without_letters(subject: Subject) -> None:
    with pytest.raises(UserError) as error:
        multiple_choice(Prejudiced(subject.engine, words_format()), FEW, 3)
    assert_one_line(error, "'A'")
