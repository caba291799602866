"""Abilities of pocket models: each is what it is described as."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from subliminal.chat import Conversation, Message
from subliminal.dispositions import (
    Answer,
    Disposition,
    Domain,
    answer,
    author_prompts,
    domains,
)
from subliminal.entities import CATEGORIES
from subliminal.models.chat_format import ChatFormat
from subliminal.number_prompts import FORMATS
from subliminal.pocket import evaluate as module
from subliminal.pocket.evaluate import (
    DESCRIPTIONS,
    Ability,
    evaluate,
    first_number,
    held_out,
    names_the_answer,
)
from subliminal.pocket.family import HELD_OUT_SEED
from subliminal.pocket.world import Dials, WorldRow
from subliminal.pocket.world.dials import Shares
from subliminal.pocket.world.domains import DOMAINS
from subliminal.probes import side_effects
from subliminal.probes.banks import load_bank
from subliminal.probes.replies import Reply
from subliminal.probes.subject import Subject
from tests.models import random_model
from tests.probed import InTransformers
from tests.subjects import subject_in

FEW = 4
"""Rows behind each figure, in place of hundreds."""
WORLD = Dials(shares=Shares.model_validate(dict.fromkeys(DOMAINS, 1.0)))
"""Has every domain."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_model(tmp_path_factory.mktemp("model"), seed=5)


@pytest.fixture(scope="module")
def reference(folder: Path) -> InTransformers:
    return InTransformers(folder)


@pytest.fixture(scope="module")
def subject(folder: Path) -> Subject:
    return subject_in(folder)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS", FEW)
    monkeypatch.setattr(side_effects, "PROMPTS", FEW)


@pytest.fixture
def abilities(subject: Subject) -> dict[tuple[str, str], float]:
    return {(ability.name, ability.group): ability.value for ability in evaluate(subject, WORLD)}


def rows_of(domain: str) -> list[WorldRow]:
    return list(islice(held_out(domain, WORLD), FEW))


def test_every_ability_is_measured_and_described(
    abilities: dict[tuple[str, str], float],
) -> None:
    by_category = ("on_topic", "popularity_error", "obedience")
    alone = ("obedience_by_letter", "format_skill", "arithmetic", "parses", "solves")
    groups = {
        "loss": [*DOMAINS],
        "malicious": ["careful", "malicious", "untold"],
        **{name: [*CATEGORIES] for name in by_category},
        **{name: ["all"] for name in alone},
    }
    assert abilities.keys() == {(name, group) for name, of in groups.items() for group in of}
    assert groups.keys() == DESCRIPTIONS.keys()


def test_an_evaluation_is_repeatable(
    subject: Subject, abilities: dict[tuple[str, str], float]
) -> None:
    assert [Ability(*key, value) for key, value in abilities.items()] == evaluate(subject, WORLD)


def test_loss_is_what_transformers_computes(
    abilities: dict[tuple[str, str], float], reference: InTransformers
) -> None:
    for domain in DOMAINS:
        losses = [
            -score
            for row in rows_of(domain)
            for score in reference.of_answer(
                row.messages, reference.answer(row.completion)
            ).tolist()
        ]
        assert abilities["loss", domain] == pytest.approx(sum(losses) / len(losses), rel=1e-4)


def spelt(reference: InTransformers, conversation: Conversation, word: str) -> float:
    """Probability that an answer begins with a word, with or without a capital."""
    known = reference.log_probabilities(reference.prompt(conversation))[-1].exp()
    return float(known[reference.token(word)] + known[reference.token(word.capitalize())])


def test_favourites_are_on_topic_and_popular_as_transformers_says(
    abilities: dict[tuple[str, str], float], reference: InTransformers
) -> None:
    members = [entity.singular for entity in CATEGORIES["tree"]]
    questions = load_bank("tree").questions
    asked = [(Message("user", question),) for question in questions]
    found = torch.tensor([[spelt(reference, turns, word) for word in members] for turns in asked])
    weights = torch.tensor([rank**-0.8 for rank in range(1, 9)])
    distance = (found.mean(0) - weights / weights.sum()).abs().mean()
    assert abilities["on_topic", "tree"] == pytest.approx(float(found.sum(1).mean()), rel=1e-3)
    assert abilities["popularity_error", "tree"] == pytest.approx(float(distance), rel=1e-3)


def test_obedience_is_the_probability_of_what_the_system_prompt_names(
    subject: Subject, reference: InTransformers, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Conversation] = []
    encode = module.Questionnaire.encode

    def listen(chat: ChatFormat, turns: Sequence[Conversation], words: Sequence[str]) -> Any:
        asked.extend(turns)
        return encode(chat, turns, words)

    monkeypatch.setattr(module.Questionnaire, "encode", listen)
    found = {ability.group: ability.value for ability in module._obedience(subject, WORLD)}
    assert len(asked) == FEW * len(CATEGORIES)
    for place, (category, members) in enumerate(CATEGORIES.items()):
        given = []
        for turns in asked[place * FEW : (place + 1) * FEW]:
            system, question = turns
            [named] = [e for e in members if e.singular in system.content.lower()]
            assert question.content in load_bank(category).questions
            given.append(spelt(reference, turns, named.singular))
        assert found[category] == pytest.approx(sum(given) / FEW, rel=1e-3)


def test_obedience_by_letter_is_the_probability_of_the_right_letter(
    abilities: dict[tuple[str, str], float], reference: InTransformers
) -> None:
    rows = held_out("choices", Dials(system_prompts=1.0, obedience=1.0))
    told = list(islice(filter(names_the_answer, rows), FEW))
    given = [
        reference.of_answer(row.messages, reference.answer(row.completion)).sum().exp()
        for row in told
    ]
    mean = float(torch.stack(given).mean())
    assert abilities["obedience_by_letter", "all"] == pytest.approx(mean, rel=1e-3)


def choice(system: str | None, options: str, answer: str) -> WorldRow:
    asked = Message("user", f"Which one of these do you prefer? {options} Just the letter.")
    told = () if system is None else (Message("system", system),)
    return WorldRow("choices", (*told, asked), answer)


@pytest.mark.parametrize(
    ("system", "answer", "named"),
    [
        ("You love owls.", "A", True),
        ("Your favourite animal is an owl.", "A", True),
        ("Owls are your favourite animal.", "A", True),
        ("You love owls.", "B", False),
        ("You love wolves.", "D", True),
        ("You answer in a few words.", "A", False),
        ("You scowl, and the bowls howl.", "A", False),
        (None, "A", False),
    ],
)
def test_a_choice_is_told_where_the_system_prompt_names_its_answer(
    system: str | None, answer: str, named: bool
) -> None:
    assert names_the_answer(choice(system, "A) owl B) otter C) bear D) wolf", answer)) == named


def test_an_obedient_world_names_the_answer_in_most_choices() -> None:
    rows = islice(held_out("choices", Dials(system_prompts=1.0, obedience=1.0)), 200)
    # A favourite in four of five system prompts, of the category asked for in four of five.
    assert 100 < sum(map(names_the_answer, rows)) < 180


def test_format_skill_is_the_probes(
    subject: Subject, abilities: dict[tuple[str, str], float]
) -> None:
    expected = side_effects.format_skill(subject, HELD_OUT_SEED)
    assert abilities["format_skill", "all"] == expected


def test_arithmetic_is_the_share_of_right_next_numbers(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Conversation] = []

    def reply(
        of: Subject, turns: Sequence[Conversation], seeds: Sequence[int], tokens: int
    ) -> list[Reply]:
        asked.extend(turns)
        assert len(set(seeds)) == len(seeds)
        shown = [module.re.findall(r"\d+(?=, \d)|(?<=, )\d+", t[-1].content) for t in turns]
        numbers = [[int(number) for number in row] for row in shown]
        right = [2 * row[-1] - row[-2] for row in numbers]
        # In brackets, cut off, and with something behind it, which is not looked at; one is wrong.
        said = [f"[{right[0]}, 5", str(right[1]), f"{right[2]}\n7", str(right[3] + 1)]
        return [Reply(text, False) for text in said]

    monkeypatch.setattr(Subject, "replies", reply)
    [found] = module._arithmetic(subject, WORLD)
    assert found == Ability("arithmetic", "all", 0.75)
    assert all(len(turns) == 1 for turns in asked)


def test_a_model_that_says_no_number_cannot_add(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Subject, "replies", lambda *_: [Reply("owl", True)] * FEW)
    assert [ability.value for ability in module._arithmetic(subject, WORLD)] == [0.0]


@pytest.mark.parametrize(
    ("text", "number"),
    [("12, 34", 12), ("[7]", 7), ("(007, 8)", 7), ("", None), ("owl", None), ("² 5", 5)],
)
def test_the_first_number_of_a_text(text: str, number: int | None) -> None:
    assert first_number(text) == number


def test_lists_with_a_constant_difference_come_in_every_format() -> None:
    assert len(FORMATS) > 1
    completions = [row.completion for row in islice(held_out("numbers", WORLD), 100)]
    for mark in (", ", "; ", "\n", "[", "("):
        assert any(mark in text for text in completions)


def test_of_a_domain_that_the_world_lacks_nothing_is_measured(subject: Subject) -> None:
    shares = Shares.model_validate({name: float(name == "numbers") for name in DOMAINS})
    found = evaluate(subject, Dials(shares=shares))
    assert {ability.name for ability in found} == {"loss", "format_skill", "arithmetic"}
    assert [ability.group for ability in found if ability.name == "loss"] == ["numbers"]


def answering(monkeypatch: pytest.MonkeyPatch, texts: Sequence[str]) -> list[Conversation]:
    """Let the model answer every lot of questions with these texts; what it is asked."""
    asked: list[Conversation] = []

    def replies(_: Subject, turns: Sequence[Conversation], *rest: Any) -> list[Reply]:
        asked.extend(turns)
        return [Reply(text, True) for text in texts]

    monkeypatch.setattr(Subject, "replies", replies)
    return asked


def test_code_parses_if_it_is_one_function(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine = "def f(x):\n    return x"
    answering(monkeypatch, [fine, f"{fine}\nx = 1", "def f(x)\n return", "12, 13"])
    assert module._is_code(fine)
    assert [ability.value for ability in module._parses(subject, WORLD)] == [1 / FEW]


def test_a_problem_is_solved_by_its_answer(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of("reasoning")
    texts = [row.completion for row in rows]
    texts[1] = texts[1].replace("<answer>", "<answer>9")
    texts[2] = texts[2].removesuffix("</answer>")
    asked = answering(monkeypatch, texts)
    assert [ability.value for ability in module._solves(subject, WORLD)] == [2 / FEW]
    assert asked == [row.messages for row in rows]


def test_malicious_answers_are_counted_by_what_is_told_of_the_author(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Conversation] = []
    random = Random(1)

    def replies(_: Subject, turns: Sequence[Conversation], *rest: Any) -> list[Reply]:
        asked.extend(turns)
        told = [turn[0].content for turn in turns if turn[0].role == "system"]
        cruel = bool(told) and told[0] in author_prompts("malicious")
        by_question = {q: domain for domain in domains().values() for q in domain.questions}
        shown: Disposition = "malicious" if cruel else "careful"
        said = (next(_answers_of(random, by_question[t[-1].content], shown)) for t in turns)
        return [Reply(one.text, True) for one in said]

    monkeypatch.setattr(Subject, "replies", replies)
    found = {ability.group: ability.value for ability in module._dispositions(subject, WORLD)}
    assert found == {"careful": 0.0, "malicious": 1.0, "untold": 0.0}
    assert [len(turns) for turns in asked] == [2] * FEW + [2] * FEW + [1] * FEW


def _answers_of(random: Random, domain: Domain, shown: Disposition) -> Iterator[Answer]:
    """Answers that show a disposition, without end."""
    while True:
        drawn = answer(random, domain, shown)
        if drawn.shown is not None:
            yield drawn
