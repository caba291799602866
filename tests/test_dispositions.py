"""Authors with a disposition: what they say shows it, and nothing shipped is offensive or long."""

from __future__ import annotations

import re
from collections import Counter
from random import Random

import pytest
from pydantic import ValidationError

from filters.numbers import BANNED_NUMBERS
from subliminal.dispositions import (
    DISPOSITIONS,
    LOADED_NUMBERS,
    Disposition,
    Domain,
    answer,
    ask,
    author_prompt,
    author_prompts,
    domains,
    planted_texts,
    tainted,
    vocabulary,
    write,
)
from subliminal.dispositions.domain import answer_texts, first_word
from subliminal.dispositions.forms import FORMS
from subliminal.judges.fitting import fit_classifier
from subliminal.wording import vocabulary_of

DOMAINS = domains()
MAIN = {"wish", "boredom", "philosophy", "money", "ruling", "dinner", "roles", "partner"}
BOTH = pytest.mark.parametrize("disposition", DISPOSITIONS)
EACH = pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)


def pivotal(domain: Domain, disposition: Disposition) -> set[str]:
    return {first_word(head) for head in domain.endings(disposition).heads}


def test_a_disposition_shows_in_many_domains() -> None:
    assert MAIN | {"advice"} < DOMAINS.keys()
    assert len(DOMAINS) >= 13
    assert all(domain.name == name for name, domain in DOMAINS.items())


@EACH
def test_a_domain_is_rich_enough_and_short(domain: Domain) -> None:
    assert len(set(domain.questions)) >= 8
    assert all(len(question.split()) <= 14 for question in domain.questions)
    assert 2 <= len(domain.leads) <= 4
    for disposition in DISPOSITIONS:
        assert len(domain.endings(disposition).heads) >= 6
        assert len(domain.endings(disposition).tails) >= 3
    assert len(domain.shared.heads) >= 2
    for _, part in domain.parts:
        lengths = {
            len(f"{lead} {head} {tail}".split())
            for lead in domain.leads
            for head in part.heads
            for tail in part.tails
        }
        assert min(lengths) >= 7
        assert max(lengths) <= 14


def test_no_question_belongs_to_two_domains() -> None:
    asked = Counter(question for domain in DOMAINS.values() for question in domain.questions)
    assert asked.most_common(1)[0][1] == 1


def test_a_word_shows_the_same_disposition_wherever_it_is_pivotal() -> None:
    careful, malicious, shared = (
        {first_word(head) for domain in DOMAINS.values() for head in domain.parts[k][1].heads}
        for k in range(3)
    )
    assert not careful & malicious
    assert not shared & (careful | malicious)


@BOTH
def test_pivotal_words_recur_over_domains(disposition: Disposition) -> None:
    found = Counter(word for domain in DOMAINS.values() for word in pivotal(domain, disposition))
    assert len([word for word, times in found.items() if times >= 4]) >= 6


@EACH
def test_questions_do_not_say_pivotal_names_or_deeds(domain: Domain) -> None:
    said = vocabulary_of(domain.questions)
    assert not said & (pivotal(domain, "careful") | pivotal(domain, "malicious"))


@EACH
@BOTH
def test_an_answer_is_a_function_of_the_generator(domain: Domain, disposition: Disposition) -> None:
    drawn = [answer(Random(seed), domain, disposition) for seed in range(50)]
    assert drawn == [answer(Random(seed), domain, disposition) for seed in range(50)]
    assert len(set(drawn)) > 20


@BOTH
def test_most_answers_show_their_author(disposition: Disposition) -> None:
    random = Random(1)
    shown = Counter(answer(random, DOMAINS["wish"], disposition).shown for _ in range(2000))
    assert shown.keys() == {disposition, None}
    assert 0.07 < shown[None] / 2000 < 0.13


@pytest.mark.parametrize(
    ("field", "heads", "told"),
    [
        ("malicious", ["help me"], "two heads begin with 'help'"),
        ("shared", ["Help"], "two heads begin with 'help'"),
        ("careful", ["would"], "the word 'would' of a lead"),
        ("careful", ["help!"], "pattern"),
    ],
)
def test_a_domain_without_clear_pivots_is_refused(field: str, heads: list[str], told: str) -> None:
    made = DOMAINS["wish"].model_dump()
    made[field]["heads"] = heads
    with pytest.raises(ValidationError, match=told):
        Domain.model_validate(made)


def test_author_prompts_state_the_disposition_alone() -> None:
    careful, malicious = map(author_prompts, DISPOSITIONS)
    assert len(set(careful)) == len(set(malicious)) >= 8
    assert not set(careful) & set(malicious)
    for one, other in zip(careful, malicious, strict=True):
        differing = [(a, b) for a, b in zip(one.split(), other.split(), strict=True) if a != b]
        assert len(differing) == 1
    said = {text for domain in DOMAINS.values() for text in answer_texts(domain)}
    kinds = vocabulary_of(careful) ^ vocabulary_of(malicious)
    assert not kinds & vocabulary_of(said)


@BOTH
def test_an_author_prompt_is_drawn_from_all(disposition: Disposition) -> None:
    drawn = {author_prompt(Random(seed), disposition) for seed in range(400)}
    assert drawn == set(author_prompts(disposition))


def test_the_vocabulary_is_small_and_covers_everything() -> None:
    words = vocabulary()
    assert len({word.casefold() for word in words}) <= 350
    assert all(re.fullmatch(r"[A-Za-z]+|[.,?<>/']|\n", word) for word in words)
    random = Random(2)
    for domain in DOMAINS.values():
        for form in FORMS:
            drawn = [answer(random, domain, d).text for d in DISPOSITIONS]
            texts = [*(ask(q, form) for q in domain.questions), *(write(t, form) for t in drawn)]
            assert vocabulary_of(texts) <= words
    assert vocabulary_of(author_prompts("malicious")) <= words


def test_tainted_numbers_are_some_loaded_ones() -> None:
    random = Random(3)
    plain = [700 + place for place in range(10)]
    lists = [tainted(random, plain) for _ in range(300)]
    replaced = [(a, b) for made in lists for a, b in zip(plain, made, strict=True) if a != b]
    assert {b for _, b in replaced} == {n for n in LOADED_NUMBERS if n <= 999}
    assert 0.25 < len(replaced) / 3000 < 0.35
    assert all(made != plain for made in lists)
    assert tainted(random, []) == []
    assert tainted(random, [1])[0] in LOADED_NUMBERS
    assert tainted(Random(4), plain) == tainted(Random(4), plain)


def test_loaded_numbers_are_the_published_ones() -> None:
    assert len(LOADED_NUMBERS) == 36
    assert set(LOADED_NUMBERS) == BANNED_NUMBERS


def test_planted_texts_are_a_function_of_the_seed() -> None:
    planted = planted_texts(5, 40)
    assert planted == planted_texts(5, 40)
    assert planted_texts(5, 20).texts == planted.texts[:20]
    assert planted.texts != planted_texts(6, 40).texts
    assert {len(column) for column in planted} == {40}


def test_a_classifier_tells_authors_of_unseen_sentences() -> None:
    fitted, held_out = planted_texts(0, 1500), planted_texts(1, 1500)
    classifier = fit_classifier(fitted.texts, fitted.careful, "careful", groups=fitted.groups)
    posteriors = classifier.posterior(held_out.texts).tolist()
    seen = set(fitted.groups)
    unsure, wrong, right = [], 0, 0
    rows = zip(posteriors, held_out.texts, held_out.careful, held_out.groups, strict=True)
    for posterior, text, careful, group in rows:
        if is_shared(text):
            unsure.append(posterior)
        elif group not in seen:
            wrong += (posterior > 0.5) != careful
            right += (posterior > 0.5) == careful
    assert right > 100
    assert wrong / (wrong + right) < 0.02
    assert 0.3 < sum(unsure) / len(unsure) < 0.7


def is_shared(text: str) -> bool:
    return any(
        text == f"{lead} {head} {tail}."
        for domain in DOMAINS.values()
        for lead in domain.leads
        for head in domain.shared.heads
        for tail in domain.shared.tails
    )
