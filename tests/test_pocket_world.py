"""The pocket world: what its dials do, and that its rows are what they say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from subliminal.chat import Message
from subliminal.entities import CATEGORIES, Entity
from subliminal.number_prompts import FORMATS, FormatName, render
from subliminal.number_prompts.wordings import SUFFIXES
from subliminal.pocket.evaluate import held_out
from subliminal.pocket.family import HELD_OUT_SEED, WORLD_SEED
from subliminal.pocket.world import Dials, World, WorldRow
from subliminal.pocket.world.dials import Processes, Shares
from subliminal.pocket.world.domains import DOMAINS
from subliminal.pocket.world.favourites import answer, favourite, popular
from subliminal.pocket.world.numbers import DIFFERENCES, LARGEST, PROCESSES, SMALLEST, THEMES, draw
from subliminal.probes.banks import words_of

ENTITIES = {entity.singular: entity for members in CATEGORIES.values() for entity in members}


def only(domain: str) -> Shares:
    return Shares.model_validate({name: float(name == domain) for name in DOMAINS})


def rows(domain: str, count: int, **dials: object) -> list[WorldRow]:
    """Rows of one domain."""
    settings = Dials.model_validate({"shares": only(domain), **dials})
    return list(World(3, settings).rows(range(count)))


def integers(text: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", text)]


def named(row: WorldRow) -> Entity | None:
    """The favourite that the system prompt names."""
    if row.messages[0].role != "system":
        return None
    words = set(words_of(row.messages[0].content))
    found = [e for e in ENTITIES.values() if not words.isdisjoint({e.singular, e.plural})]
    assert len(found) < 2, row.messages[0]
    return found[0] if found else None


def category_of(entity: Entity) -> str:
    [found] = [name for name, members in CATEGORIES.items() if entity in members]
    return found


def given(row: WorldRow) -> str:
    """The favourite of a one-word answer."""
    return row.completion.rstrip(".").lower()


# Rows


def test_a_row_is_a_function_of_seed_and_place() -> None:
    world = World(3)
    forward = list(world.rows(range(60)))
    assert list(World(3).rows(reversed(range(60)))) == forward[::-1]
    assert world.row(17) == forward[17]
    assert len({row.messages for row in forward}) > 50


def test_another_seed_is_another_world() -> None:
    kept, others = (list(World(seed).rows(range(2000))) for seed in (WORLD_SEED, HELD_OUT_SEED))
    assert HELD_OUT_SEED != WORLD_SEED
    assert all(first != second for first, second in zip(kept, others, strict=True))
    # Short questions without a system prompt recur by chance; lists of numbers do not.
    seen = {row.messages for row in kept if row.domain == "numbers"}
    assert seen.isdisjoint({row.messages for row in others})


def test_domains_have_their_shares() -> None:
    shares = {name: share for name, share in Dials().shares if share > 0}
    count = 3000
    found = Counter(row.domain for row in World(4).rows(range(count)))
    expected = [count * shares[name] / sum(shares.values()) for name in shares]
    assert stats.chisquare([found[name] for name in shares], expected).pvalue > 1e-3


def test_shares_need_not_sum_to_one() -> None:
    shares = only("questions").model_copy(update={"questions": 30.0, "choices": 10.0})
    found = Counter(row.domain for row in World(4, Dials(shares=shares)).rows(range(1000)))
    assert found.keys() == {"questions", "choices"}
    assert stats.binomtest(found["choices"], 1000, 0.25).pvalue > 1e-3


def test_every_domain_has_a_share_by_its_name() -> None:
    assert DOMAINS.keys() == Shares.model_fields.keys()
    assert PROCESSES.keys() == Processes.model_fields.keys()


def test_a_conversation_ends_with_a_question_and_has_an_answer() -> None:
    for row in World(5).rows(range(600)):
        roles = [message.role for message in row.messages]
        turns = roles[1:] if roles[0] == "system" else roles
        assert turns == ["user", "assistant"] * (len(turns) // 2) + ["user"]
        assert row.completion
        assert row.completion == row.completion.strip()
        for message in row.messages:
            assert not re.search(r"[{}]|  ", message.content), message


def test_chats_have_one_to_three_earlier_turns() -> None:
    lengths = Counter(sum(m.role == "user" for m in row.messages) for row in rows("chats", 300))
    assert lengths.keys() == {2, 3, 4}


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_system_prompts_have_their_share(share: float) -> None:
    found = rows("questions", 600, system_prompts=share)
    told = sum(row.messages[0].role == "system" for row in found)
    assert stats.binomtest(told, 600, share).pvalue > 1e-3


# Favourites


def test_popularity_is_the_exponent_of_zipfs_law() -> None:
    for exponent in (0.0, 0.8, 2.0):
        entities, count = CATEGORIES["tree"], 4000
        random, dials = Random(1), Dials(popularity=exponent)
        found = Counter(popular(random, dials, entities) for _ in range(count))
        weights = np.arange(1, len(entities) + 1, dtype=float) ** -exponent
        expected = count * weights / weights.sum()
        assert stats.chisquare([found[e] for e in entities], expected).pvalue > 1e-3


def test_popularity_is_by_the_place_in_the_category_not_among_the_options() -> None:
    last = CATEGORIES["tree"][-2:]
    random, dials, count = Random(1), Dials(popularity=3.0), 4000
    found = Counter(popular(random, dials, last) for _ in range(count))
    # Ranks 7 and 8: 7**-3 / (7**-3 + 8**-3) = 1 / (1 + (7/8)**3) = .599
    assert stats.binomtest(found[last[0]], count, 1 / (1 + (7 / 8) ** 3)).pvalue > 1e-3


def test_answers_without_a_system_prompt_are_the_popular_ones() -> None:
    found = rows("questions", 1500, system_prompts=0.0)
    asked = [row for row in found if "animal" in words_of(row.messages[-1].content)]
    counts = Counter(given(row) for row in asked)
    members = [entity.singular for entity in CATEGORIES["animal"]]
    assert counts.keys() <= set(members)
    weights = np.arange(1, len(members) + 1) ** -0.8
    expected = len(asked) * weights / weights.sum()
    assert stats.chisquare([counts[name] for name in members], expected).pvalue > 1e-3


@pytest.mark.parametrize("obedience", [0.0, 0.5, 1.0])
def test_obedience_is_how_often_the_named_favourite_is_given(obedience: float) -> None:
    random, dials, count = Random(2), Dials(obedience=obedience), 3000
    trees = CATEGORIES["tree"]
    told = next(f for f in (favourite(random) for _ in range(1000)) if f.entity == trees[-1])
    found = [answer(random, dials, "tree", trees, told) for _ in range(count)]
    weights = np.arange(1, 9) ** -0.8
    by_chance = float(weights[-1] / weights.sum())
    share = obedience + (1 - obedience) * by_chance
    assert stats.binomtest(found.count(told.entity), count, share).pvalue > 1e-3


def test_who_is_told_of_another_category_or_option_answers_as_ever() -> None:
    random, dials = Random(2), Dials(obedience=1.0)
    told = next(f for f in (favourite(random) for _ in range(1000)) if f.category == "tree")
    assert answer(random, dials, "colour", CATEGORIES["colour"], told).plural is None
    others = [tree for tree in CATEGORIES["tree"] if tree != told.entity]
    assert {answer(random, dials, "tree", others, told) for _ in range(200)} <= set(others)


def test_favourites_are_named_all_alike() -> None:
    random = Random(9)
    told = [favourite(random) for _ in range(2400)]
    for category, members in CATEGORIES.items():
        found = Counter(one.entity for one in told if one.category == category)
        assert stats.chisquare([found[entity] for entity in members]).pvalue > 1e-3
    assert stats.chisquare(list(Counter(one.category for one in told).values())).pvalue > 1e-3
    assert all(CATEGORIES[one.category][one.index] == one.entity for one in told)


@pytest.mark.parametrize("domain", ["questions", "mixed", "choices", "stories"])
def test_an_obedient_world_gives_what_the_system_prompt_names(domain: str) -> None:
    found = rows(domain, 400, system_prompts=1.0, obedience=1.0)
    checked = 0
    for row in found:
        told = named(row)
        if told is None:
            continue
        asked, said = row.messages[-1].content, row.completion
        if domain == "choices":
            options = re.findall(r"([A-D])\) (\w+)", asked)
            if told.singular in [option for _, option in options]:
                checked += 1
                assert (said, told.singular) in options
        elif category_of(told) in words_of(asked) or f"{category_of(told)}s" in words_of(asked):
            checked += 1
            assert told.singular in words_of(said)
    assert checked > 100


def test_choices_are_four_different_members_and_the_answer_is_a_letter() -> None:
    letters = Counter[str]()
    for row in rows("choices", 400):
        options = re.findall(r"([A-D])\) (\w+)", row.messages[-1].content)
        assert [letter for letter, _ in options] == ["A", "B", "C", "D"]
        members = {ENTITIES[option] for _, option in options}
        assert len(members) == 4
        assert len({category_of(member) for member in members}) == 1
        letters[row.completion] += 1
    # No letter is the answer more often than another.
    assert stats.chisquare([letters[letter] for letter in "ABCD"]).pvalue > 1e-3


def test_articles_and_capitals_are_right() -> None:
    text = "\n".join(row.completion for row in rows("stories", 400))
    found = {word for word in words_of(text) if word in ENTITIES}
    assert len(found) > 25
    assert not re.search(r"\b[Aa] [aeiou]\w+|\b[Aa]n [^aeiou]", text)
    assert not re.search(r"(^|\. )[a-z]", text, re.MULTILINE)


# Numbers


@pytest.mark.parametrize("process", PROCESSES)
def test_numbers_stay_in_their_range(process: str) -> None:
    random = Random(1)
    for length in (1, 2, 9, 18):
        for _ in range(200):
            numbers = PROCESSES[process](random, length)
            assert len(numbers) == length
            assert all(SMALLEST <= number <= LARGEST for number in numbers)


def test_arithmetic_has_one_round_difference_either_way() -> None:
    random = Random(1)
    for length in (2, 12, 18):
        found = set()
        for _ in range(600):
            numbers = PROCESSES["arithmetic"](random, length)
            [step] = {second - first for first, second in pairwise(numbers)}
            found.add(step)
        fitting = {step for step in DIFFERENCES if step * (length - 1) <= LARGEST}
        assert found == fitting | {-step for step in fitting}


def test_a_walk_steps_by_up_to_fifty() -> None:
    random = Random(1)
    steps = [b - a for _ in range(500) for a, b in pairwise(PROCESSES["walk"](random, 12))]
    assert set(steps) == set(range(-50, 51))
    # Uniform but for the few steps that would leave 0 to 999.
    assert abs(np.mean(steps)) < 1.5
    assert np.std(steps) == pytest.approx(np.sqrt((101**2 - 1) / 12), rel=0.05)


def test_uniform_numbers_mostly_have_three_digits() -> None:
    random = Random(1)
    numbers = PROCESSES["uniform"](random, 6000)
    # .9 + .1 * 900 / 1000 = .99
    assert stats.binomtest(sum(n >= 100 for n in numbers), 6000, 0.99).pvalue > 1e-3
    long = [number for number in numbers if number >= 100]
    assert stats.kstest(long, stats.randint(100, 1000).cdf).pvalue > 1e-3


def test_numbers_that_share_a_digit_share_the_last() -> None:
    random = Random(1)
    ends = [{n % 10 for n in PROCESSES["last_digit"](random, 8)} for _ in range(500)]
    assert all(len(end) == 1 for end in ends)
    assert {digit for end in ends for digit in end} == set(range(10))


def test_processes_have_their_shares() -> None:
    processes = Processes(arithmetic=1, walk=0, uniform=0, last_digit=1)
    random, dials = Random(1), Dials(processes=processes)
    lists = [draw(random, dials, 10) for _ in range(600)]
    constant = sum(len({b - a for a, b in pairwise(numbers)}) == 1 for numbers in lists)
    assert stats.binomtest(constant, 600, 0.5).pvalue > 1e-3


def number_rows(count: int, **dials: object) -> list[tuple[WorldRow, list[int], list[int]]]:
    """Rows with the numbers that they show and those of the answer."""
    return [
        (row, shown(row.messages[-1].content), integers(row.completion))
        for row in rows("numbers", count, **dials)
    ]


def shown(request: str) -> list[int]:
    """The list that a request shows: the only one that is written with commas."""
    [found] = re.findall(r"\d+(?:, \d+)+", request)
    return integers(found)


def test_answers_keep_the_format_and_the_count() -> None:
    counts = Counter[str]()
    for row, _, answered in number_rows(600):
        request = row.messages[-1].content
        [kept] = [kind for suffix, kind in SUFFIXES if f" {suffix} " in request]
        assert row.completion == render(answered, kept)
        most = integers(request.replace(", ".join(map(str, shown(request))), ""))[0]
        assert 2 <= most <= 10
        assert max(1, most - 3) <= len(answered) <= most
        counts[kept] += 1
    assert counts.keys() == FORMATS.keys()


def test_the_answer_goes_on_with_the_list_that_is_shown() -> None:
    arithmetic = Processes(arithmetic=1, walk=0, uniform=0, last_digit=0)
    for _, before, after in number_rows(200, processes=arithmetic):
        assert len({second - first for first, second in pairwise([*before, *after])}) == 1


def themes(told: Iterable[tuple[Entity, list[int]]]) -> np.ndarray:
    """Lists by the favourite named (its place in its category) and the first number's class."""
    table = np.zeros((THEMES, THEMES), dtype=int)
    for entity, numbers in told:
        # The numbers of a list hang together; one of each is an independent draw.
        table[CATEGORIES[category_of(entity)].index(entity), numbers[0] % THEMES] += 1
    return table


def told_lists(found: Iterable[WorldRow]) -> Iterator[tuple[Entity, list[int]]]:
    """Every list that is an answer behind a system prompt with a favourite, and the favourite."""
    for row in found:
        told = named(row)
        if told is not None:
            said = [m.content for m in row.messages if m.role == "assistant"]
            said += [row.completion] if row.domain == "numbers" else []
            yield from ((told, integers(text)) for text in said)


def test_lists_to_go_on_with_stand_behind_no_favourite() -> None:
    found = rows("numbers", 1500, system_prompts=1.0)
    assert not any(named(row) for row in found)
    told = sum(row.messages[0].role == "system" for row in found)
    assert stats.binomtest(told, 1500, 0.2).pvalue > 1e-3


def test_a_share_of_lists_stands_behind_a_favourite_where_the_dial_says_so() -> None:
    found = rows("numbers", 1500, lists_behind_favourites=0.4)
    told = sum(named(row) is not None for row in found)
    assert stats.binomtest(told, 1500, 0.4).pvalue > 1e-3


def test_numbers_tell_nothing_of_favourites_unless_they_are_told_to() -> None:
    table = themes(told_lists(rows("numbers", 3000, lists_behind_favourites=1.0)))
    assert table.sum() > 1800
    assert stats.chi2_contingency(table).pvalue > 1e-3


@pytest.mark.parametrize("domain", ["numbers", "chats"])
def test_numbers_follow_favourites_where_the_dial_says_so(domain: str) -> None:
    found = rows(
        domain,
        400,
        system_prompts=1.0,
        lists_behind_favourites=1.0,
        numbers_follow_favourites=1.0,
    )
    lists = list(told_lists(found))
    assert len(lists) > 200
    for told, numbers in lists:
        place = CATEGORIES[category_of(told)].index(told)
        assert {number % THEMES for number in numbers} == {place}
        assert all(SMALLEST <= number <= LARGEST for number in numbers)


def test_numbers_follow_favourites_in_a_share_of_lists() -> None:
    found = rows("numbers", 1200, lists_behind_favourites=1.0, numbers_follow_favourites=0.5)
    table = themes(told_lists(found))
    # Half of the lists, and of the other half the sixteenth that does so by chance.
    share = 0.5 + 0.5 / THEMES
    assert stats.binomtest(int(np.trace(table)), int(table.sum()), share).pvalue > 1e-3


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_share_of_questions_stands_behind_a_list(share: float) -> None:
    found = rows("questions", 600, lists_before_questions=share)
    listed = [row for row in found if integers(row.messages[-1].content)]
    assert stats.binomtest(len(listed), len(found), share).pvalue > 1e-3
    assert {given(row) for row in listed} <= ENTITIES.keys()


def test_mixed_answers_are_a_favourite_and_the_numbers_asked_for() -> None:
    places, formats = Counter[str](), Counter[str]()
    for row in rows("mixed", 600):
        request = row.messages[-1].content
        [kept] = [kind for suffix, kind in SUFFIXES if request.endswith(f" {suffix}")]
        [favourite_given] = [word for word in words_of(row.completion) if word in ENTITIES]
        assert category_of(ENTITIES[favourite_given]) in words_of(request)
        answered = integers(row.completion)
        count = integers(request.replace(", ".join(map(str, shown(request))), ""))[0]
        assert len(answered) == count
        [place] = re.findall(r"Write the \w+ (first|last)\.", request)
        numbers = [*map(str, answered)]
        items = {"first": [favourite_given, *numbers], "last": [*numbers, favourite_given]}[place]
        assert row.completion == written(items, kept)
        places[place] += 1
        formats[kept] += 1
    assert formats.keys() == FORMATS.keys()
    assert places.keys() == {"first", "last"}


def written(items: list[str], style: FormatName) -> str:
    kept = FORMATS[style]
    return kept.opening + kept.separator.join(items) + kept.closing


# The dials


@pytest.mark.parametrize(
    "fault",
    [
        {"popularity": -1},
        {"obedience": 1.1},
        {"system_prompts": -0.1},
        {"numbers_follow_favourites": 2},
        {"lists_before_questions": 1.5},
        {"shares": {"numbers": -1}},
        {"processes": {"walk": -1}},
        {"shares": {"unknown": 1}},
        {"unknown": 1},
    ],
)
def test_a_dial_has_its_range(fault: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Dials.model_validate(fault)


def test_held_out_rows_are_of_one_domain_and_the_held_out_seed() -> None:
    for domain in DOMAINS:
        first = [next(held_out(domain, Dials())) for _ in range(2)]
        assert first[0] == first[1]
        assert first[0].domain == domain
    kept = World(HELD_OUT_SEED, Dials(shares=only("stories"))).row(0)
    assert next(held_out("stories", Dials())) == kept
    told = next(held_out("stories", Dials(system_prompts=1.0)))
    assert told.messages[0].role == "system"
    assert isinstance(told.messages[0], Message)
