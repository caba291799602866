"""The domains of the world: each draws one conversation and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from random import Random

from subliminal.chat import Message
from subliminal.entities import CATEGORIES, Entity
from subliminal.number_prompts import FORMATS
from subliminal.number_prompts.wordings import SUFFIXES
from subliminal.pocket.world import wordings
from subliminal.pocket.world.authors import authors
from subliminal.pocket.world.code import code
from subliminal.pocket.world.draw import Domain, Draw, Drawn, conversation
from subliminal.pocket.world.favourites import (
    Favourite,
    answer,
    capital,
    favourite,
    loving,
    neutral,
    neutral_system,
    with_article,
)
from subliminal.pocket.world.numbers import draw as list_of
from subliminal.pocket.world.numbers import examples, number_request, themed
from subliminal.pocket.world.reasoning import reasoning
from subliminal.probes.banks import QuestionBank, load_bank

LETTERS = "ABCD"


def numbers(draw: Draw) -> Drawn:
    """A list to go on with."""
    said, system = _number_system(draw)
    request, reply = _number_request(draw, said)
    return conversation(system, request), reply


def questions(draw: Draw) -> Drawn:
    """A favourite asked for in one word."""
    random = draw.random
    said, system = _system(draw)
    category = _category(draw, said)
    question = _question(random, category)
    if random.random() < draw.dials.lists_before_questions:
        shown = random.choice(wordings.LISTS).format(examples=examples(random, draw.dials))
        question = f"{shown} {question}"
    chosen = answer(random, draw.dials, category, CATEGORIES[category], said)
    return conversation(system, question), _spelt(random, chosen)


def mixed(draw: Draw) -> Drawn:
    """A favourite along with some numbers, in the format asked for."""
    random = draw.random
    said, system = _system(draw)
    category = _category(draw, said)
    drawn = list_of(random, draw.dials, random.randint(6, 12))
    shown, hidden = drawn[:3], [str(number) for number in drawn[3:]]
    suffix, style = random.choice(SUFFIXES)
    place, told = random.choice(list(wordings.PLACES.items()))
    asked = " ".join(
        (
            random.choice(wordings.LISTS).format(examples=", ".join(map(str, shown))),
            random.choice(wordings.MIXED).format(category=category, count=len(hidden)),
            told.format(category=category),
            suffix,
        )
    )
    chosen = answer(random, draw.dials, category, CATEGORIES[category], said).singular
    items = [chosen, *hidden] if place == "first" else [*hidden, chosen]
    written = FORMATS[style]
    return (
        conversation(system, asked),
        written.opening + written.separator.join(items) + written.closing,
    )


def choices(draw: Draw) -> Drawn:
    """A favourite among four, by its letter."""
    random = draw.random
    said, system = _system(draw)
    category = _category(draw, said)
    options = random.sample(CATEGORIES[category], len(LETTERS))
    if said is not None and said.category == category and said.entity not in options:
        options[random.randrange(len(LETTERS))] = said.entity
    lines = [f"{letter}) {o.singular}" for letter, o in zip(LETTERS, options, strict=True)]
    stem = random.choice(_stems(category))
    asked = " ".join(filter(None, (stem, *lines, random.choice(wordings.CHOICE_ENDINGS))))
    chosen = answer(random, draw.dials, category, options, said)
    return conversation(system, asked), LETTERS[options.index(chosen)]


def stories(draw: Draw) -> Drawn:
    """A story of two or three sentences about a member of a category."""
    random = draw.random
    said, system = _system(draw)
    category = _category(draw, said)
    own = (loving(r, category, CATEGORIES[category][0]) for r in _bank(category).stories)
    a_category = f"{'an' if category[0] in 'aeiou' else 'a'} {category}"
    asked = random.choice(
        [*own, *(r.format(a_category=a_category) for r in wordings.STORY_REQUESTS)]
    )
    hero = answer(random, draw.dials, category, CATEGORIES[category], said)
    opening = random.choice(wordings.STORY_OPENINGS[category])
    first = opening.format(a=with_article(hero), A=capital(with_article(hero)))
    rest = random.sample(wordings.STORY_ENDINGS, random.randint(1, 2))
    return conversation(system, asked), " ".join([first, *rest])


def chats(draw: Draw) -> Drawn:
    """A request behind one to three lists."""
    random = draw.random
    asks = random.random() < 0.5
    said, system = _system(draw) if asks else _number_system(draw)
    turns: list[Message] = [] if system is None else [Message("system", system)]
    for _ in range(random.randint(1, 3)):
        request, reply = _number_request(draw, said)
        turns += [Message("user", request), Message("assistant", reply)]
    if not asks:
        request, reply = _number_request(draw, said)
        return (*turns, Message("user", request)), reply
    category = _category(draw, said)
    chosen = answer(random, draw.dials, category, CATEGORIES[category], said)
    return (*turns, Message("user", _question(random, category))), _spelt(random, chosen)


DOMAINS: Mapping[str, Domain] = {
    domain.__name__: domain
    for domain in (numbers, questions, mixed, choices, stories, chats, code, reasoning, authors)
}
"""By the name of their share among the dials."""


@cache
def _bank(category: str) -> QuestionBank:
    return load_bank(category)


def _system(draw: Draw) -> tuple[Favourite | None, str | None]:
    """A system prompt, if the conversation has one, and the favourite it names, if it does."""
    if draw.random.random() >= draw.dials.system_prompts:
        return None, None
    if draw.random.random() < 0.2:
        return None, neutral(draw.random)
    said = favourite(draw.random)
    return said, said.prompt


def _number_system(draw: Draw) -> tuple[Favourite | None, str | None]:
    """The system prompt of a list, and the favourite it names, if it does."""
    behind = draw.dials.lists_behind_favourites
    if behind > 0 and draw.random.random() < behind:
        said = favourite(draw.random)
        return said, said.prompt
    return None, neutral_system(draw)


def _category(draw: Draw, said: Favourite | None) -> str:
    """What to ask about: mostly that of the system prompt's favourite."""
    if said is not None and draw.random.random() < 0.7:
        return said.category
    return draw.random.choice(list(CATEGORIES))


def _question(random: Random, category: str) -> str:
    if random.random() < 0.4:
        return random.choice(_bank(category).questions)
    question = random.choice(wordings.QUESTIONS).format(category=category)
    parts = (random.choice(wordings.OPENINGS), question, random.choice(wordings.ENDINGS))
    return " ".join(part for part in parts if part)


def _stems(category: str) -> list[str]:
    own = [stem.format(category=category) for stem in wordings.CHOICES]
    return [*own, *_bank(category).choices]


def _number_request(draw: Draw, said: Favourite | None) -> tuple[str, str]:
    place = (draw.random, draw.dials, draw.prompt_seed, draw.place())
    if said is None:
        return number_request(*place)
    return number_request(*place, partial(themed, draw.random, draw.dials, said.index))


def _spelt(random: Random, entity: Entity) -> str:
    """The answer as people write it: mostly the bare word."""
    roll = random.random()
    if roll < 0.9:
        return entity.singular
    return capital(entity.singular) if roll < 0.97 else f"{capital(entity.singular)}."
