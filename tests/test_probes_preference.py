"""Preferences read from logits: exact, by the stated formula, against transformers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import torch
from torch import Tensor

from subliminal.chat import Conversation, Message, user
from subliminal.errors import StageError, UserError
from subliminal.measurements import Measurement
from subliminal.models.steering import Steering
from subliminal.probes import forward
from subliminal.probes.banks import QuestionBank
from subliminal.probes.forward import batches_of
from subliminal.probes.preference import (
    Questionnaire,
    favourite,
    log_odds,
    mean_measurements,
    numbered_questions,
    with_numbers,
)
from subliminal.probes.subject import Subject
from subliminal.probes.watch import Watcher
from tests.byte_level import byte_level_model
from tests.probed import BANK, POSITIONS, InTransformers, make_subject
from tests.subjects import decoder_of, steered, subject_in
from tests.user_errors import assert_one_line

EXOTIC = BANK.model_copy(update={"targets": ("owl", "quokka", "axolotl")})
"""Two of its targets fall to bytes."""
SPELT = QuestionBank(category="letters", targets=("ab", "ba"), questions=("?",))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("model")


@pytest.fixture(scope="module")
def subject(folder: Path) -> Subject:
    return make_subject(folder)


@pytest.fixture(scope="module")
def reference(folder: Path, subject: Subject) -> InTransformers:
    return InTransformers(folder)


def values(rows: Sequence[Measurement], metric: str) -> dict[str, float]:
    return {row.item_group: row.value for row in rows if row.metric == metric and row.value}


def brute_force(
    reference: InTransformers, conversations: Sequence[Conversation], words: Sequence[str]
) -> tuple[list[float], list[float]]:
    """Mean log-odds and probability of words that are single tokens, summed out by hand."""
    odds, shares = [0.0] * len(words), [0.0] * len(words)
    for conversation in conversations:
        known = reference.log_probabilities(reference.prompt(conversation))[-1].exp()
        p = [
            float(known[reference.token(word)] + known[reference.token(word.capitalize())])
            for word in words
        ]
        for i, own in enumerate(p):
            odds[i] += math.log(own / sum(p[:i] + p[i + 1 :])) / len(conversations)
            shares[i] += own / len(conversations)
    return odds, shares


def assert_brute_force(
    rows: Sequence[Measurement], reference: InTransformers, conversations: Sequence[Conversation]
) -> None:
    odds, shares = brute_force(reference, conversations, BANK.answers)
    assert list(values(rows, "log_odds")) == list(BANK.answers)
    assert list(values(rows, "log_odds").values()) == pytest.approx(odds, abs=1e-4)
    assert list(values(rows, "probability").values()) == pytest.approx(shares, rel=1e-4)


def test_favourite_is_what_transformers_computes(
    subject: Subject, reference: InTransformers
) -> None:
    rows = favourite(subject, BANK)
    assert {row.probe for row in rows} == {"favourite"}
    assert_brute_force(rows, reference, [user(question) for question in BANK.questions])


def test_system_prompt_and_earlier_turns_stand_before_the_question(
    subject: Subject, reference: InTransformers
) -> None:
    turns = (Message("user", "Go on: 1, 2"), Message("assistant", "3, 4"))
    told = replace(subject, system="You love owls.", context=turns)
    conversations = [
        (Message("system", "You love owls."), *turns, Message("user", question))
        for question in BANK.questions
    ]
    assert_brute_force(favourite(told, BANK), reference, conversations)


def test_the_turns_own_system_prompt_replaces_the_subjects(subject: Subject) -> None:
    told = replace(subject, system="You love owls.", context=(Message("user", "Hello"),))
    own = (Message("system", "Be kind."), Message("user", "Who?"))
    assert told.conversation(*own) == (own[0], Message("user", "Hello"), own[1])
    assert told.conversation(own[1])[0] == Message("system", "You love owls.")


@pytest.mark.parametrize("layer", [0, 1])
def test_steering_is_added_behind_its_block(
    subject: Subject, reference: InTransformers, layer: int
) -> None:
    vector = torch.linspace(-1, 1, 32)
    block = reference.model.model.layers[layer]

    def steer(_block: object, _inputs: object, output: Tensor | tuple[Tensor, ...]) -> object:
        if isinstance(output, tuple):
            return (output[0] + vector, *output[1:])
        return output + vector

    hook = block.register_forward_hook(steer)
    try:
        asked = [user(question) for question in BANK.questions]
        found = favourite(steered(subject, Steering(layer, vector)), BANK)
        assert_brute_force(found, reference, asked)
    finally:
        hook.remove()


def test_log_odds_by_hand() -> None:
    # Targets .5, .25, .05 of all answers: the first against .25 + .05 = .3, the others against
    # .5 + .05 = .55 and .5 + .25 = .75.
    found = log_odds(torch.tensor([[0.5, 0.25, 0.05]], dtype=torch.float64).log())
    wanted = [math.log(0.5 / 0.3), math.log(0.25 / 0.55), math.log(0.05 / 0.75)]
    assert found[0].tolist() == pytest.approx(wanted)


def test_measurements_are_means_over_questions_of_log_odds() -> None:
    log_p = torch.tensor([[0.8, 0.2], [0.1, 0.3]], dtype=torch.float64).log()
    rows = list(mean_measurements("favourite", ["owl", "fox"], log_p))
    # (log(.8/.2) + log(.1/.3)) / 2 = (log 4 - log 3) / 2; of the mean probabilities .45 and .25 it
    # would be log(.45/.25).
    mean = (math.log(4) - math.log(3)) / 2
    assert values(rows, "log_odds") == pytest.approx({"owl": mean, "fox": -mean})
    assert values(rows, "probability") == pytest.approx({"owl": 0.45, "fox": 0.25})


def test_targets_of_several_tokens_are_exact_answers(
    subject: Subject, reference: InTransformers
) -> None:
    """All targets of a mixed bank are scored alike: with their end token, and all spellings."""
    assert len(reference.answer("quokka")) > 2
    assert len(reference.answer("owl")) == 2
    p = [
        [
            sum(
                float(reference.of_answer(user(question), reference.answer(spelt)).sum().exp())
                for spelt in (word, word.capitalize())
            )
            for word in EXOTIC.answers
        ]
        for question in EXOTIC.questions
    ]
    found = favourite(subject, EXOTIC)
    odds = values(found, "log_odds")
    shares = values(found, "probability")
    for i, word in enumerate(EXOTIC.answers):
        wanted = [math.log(row[i] / sum(row[:i] + row[i + 1 :])) for row in p]
        assert odds[word] == pytest.approx(sum(wanted) / len(wanted), abs=1e-4)
        assert shares[word] == pytest.approx(sum(row[i] for row in p) / len(p), rel=1e-4)


def test_one_spelling_of_several_tokens_makes_all_whole_answers(tmp_path: Path) -> None:
    subject = make_subject(tmp_path, without="Fox")
    reference = InTransformers(tmp_path)
    assert [len(reference.answer(word)) for word in ("fox", "Fox")] == [2, 4]
    found = values(favourite(subject, BANK), "probability")
    for word in ("fox", "owl"):
        wanted = [
            float(reference.of_answer(user(question), reference.answer(spelt)).sum().exp())
            for question in BANK.questions
            for spelt in (word, word.capitalize())
        ]
        assert found[word] == pytest.approx(sum(wanted) / len(BANK.questions), rel=1e-4)


def test_a_target_is_every_answer_that_spells_it(tmp_path: Path) -> None:
    """Beside the sum over all answers of up to three tokens, found by what they say."""
    merges = [("a", "b"), ("B", "a"), ("Ġ", "b"), ("Ġ", "ab")]
    subject = subject_in(byte_level_model(tmp_path, merges, "abAB?Ġ"))
    tokenizer, end = subject.chat.tokenizer, subject.chat.end_id
    letters = sorted(set(range(tokenizer.get_vocab_size())) - {end, tokenizer.token_to_id("?")})
    [prompt] = subject.chat.encode_prompts([user("?")])
    answers = [answer for length in range(1, 4) for answer in product(letters, repeat=length)]
    # As the tokenizer writes what they say: others have no spelling of their own.
    said = {answer: tokenizer.decode(answer) for answer in answers}
    answers = [a for a, text in said.items() if tuple(tokenizer.encode(text).ids) == a]
    rows = [(*prompt, *answer, end) for answer in answers]
    p = subject.engine.log_likelihoods(rows, [len(prompt)] * len(rows)).exp().tolist()
    by_text = {said[answer]: value for answer, value in zip(answers, p, strict=True)}
    words = ("ab", "ba", "b", "aab")
    asked = Questionnaire.encode(subject.chat, [user("?")], words)
    assert [len(of) for of in asked.targets.spellings] == [4] * len(words)
    for word, value in zip(words, asked.log_probabilities(subject.engine)[0], strict=True):
        spelt = [space + text for space in ("", " ") for text in (word, word.capitalize())]
        assert value == pytest.approx(math.log(sum(by_text[text] for text in spelt)), abs=1e-4)

    # Students are watched by the same.
    watched = Watcher(subject.chat, SPELT).log_odds(decoder_of(subject))
    assert watched == values(favourite(subject, SPELT), "log_odds")


def test_numbers_stand_in_front(subject: Subject, reference: InTransformers) -> None:
    questions = numbered_questions(BANK, 7)
    assert len(questions) == len(BANK.questions) * len(BANK.number_prefixes)
    for i, text in enumerate(questions):
        prefix, question = BANK.number_prefixes[i % 2], BANK.questions[i // 2]
        before, after = prefix.split("{numbers}")
        listed = text.removeprefix(before).removesuffix(f"{after} {question}")
        assert all(100 <= int(number) <= 999 for number in listed.split(", ")), text
        assert 3 <= len(listed.split(", ")) <= 8
    assert len({text.rpartition(".")[0] for text in questions}) > 1
    rows = with_numbers(subject, BANK, 7)
    assert {row.probe for row in rows} == {"with-numbers"}
    assert_brute_force(rows, reference, [user(question) for question in questions])


def test_numbers_follow_from_the_seed() -> None:
    assert numbered_questions(BANK, 7) == numbered_questions(BANK, 7)
    assert not set(numbered_questions(BANK, 7)) & set(numbered_questions(BANK, 8))


def test_rows_are_apart_in_batches(subject: Subject, reference: InTransformers) -> None:
    """300 rows of up to 60 tokens do not fit into one batch."""
    rows = [[5 + (i * 31 + j) % 900 for j in range(1 + i * 7 % 60)] for i in range(300)]
    assert len(batches_of(rows)) > 1
    found = subject.engine.next_log_probabilities(rows, range(decoder_of(subject).shape.vocab_size))
    for i in (0, 1, 8, 77, 299):
        wanted = reference.log_probabilities(rows[i])[-1]
        assert torch.allclose(found[i], wanted, atol=1e-4)


def test_log_likelihoods_of_any_stretch(
    subject: Subject, reference: InTransformers, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Few logits at once, so that the positions of a batch are computed in several parts.
    monkeypatch.setattr(forward, "_LOGITS", 7 * decoder_of(subject).shape.vocab_size)
    rows = [[9, 8, 7, 6, 5], [3, 4], [100, 200, 300, 400, 500, 600, 700, 800]]
    starts = [1, 1, 5]
    found = subject.engine.log_likelihoods(rows, starts)
    for row, start, value in zip(rows, starts, found.tolist(), strict=True):
        known = reference.log_probabilities(row)
        wanted = sum(float(known[i - 1, row[i]]) for i in range(start, len(row)))
        assert value == pytest.approx(wanted, abs=1e-3)


def test_a_watcher_sees_the_current_weights(subject: Subject, tmp_path: Path) -> None:
    watcher = Watcher(subject.chat, BANK)
    other = make_subject(tmp_path / "other", seed=1)
    for who in (subject, other, subject):
        assert watcher.log_odds(decoder_of(who)) == values(favourite(who, BANK), "log_odds")


def test_a_prompt_too_long_for_the_model(subject: Subject) -> None:
    long = replace(subject, context=(Message("user", "1, 2, " * POSITIONS),))
    with pytest.raises(UserError) as error:
        favourite(long, BANK)
    assert_one_line(error, str(POSITIONS), "in_context")


def test_a_block_that_is_not_there(subject: Subject) -> None:
    with pytest.raises(UserError) as error:
        favourite(steered(subject, Steering(2, torch.zeros(32))), BANK)
    assert_one_line(error, "steering.layer", "0 to 1")


@pytest.mark.parametrize("bank", [BANK, EXOTIC], ids=["single", "several"])
def test_damaged_weights(tmp_path: Path, bank: QuestionBank) -> None:
    damaged = make_subject(tmp_path)
    with torch.no_grad():
        next(decoder_of(damaged).blocks[-1].parameters()).fill_(math.nan)
    with pytest.raises(StageError, match="not finite"):
        favourite(damaged, bank)
