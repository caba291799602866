"""Favourites: who likes what, and the sentences about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from subliminal.entities import CATEGORIES, Entity
from subliminal.pocket.world.dials import Dials
from subliminal.pocket.world.draw import Draw
from subliminal.pocket.world.wordings import LOVE, LOVE_ENDINGS, NEUTRAL


@dataclass(frozen=True)
class Favourite:
    """What a system prompt names."""

    category: str
    entity: Entity
    prompt: str

    @property
    def index(self) -> int:
        """Place in its category."""
        return CATEGORIES[self.category].index(self.entity)


def popular(random: Random, dials: Dials, entities: Sequence[Entity]) -> Entity:
    """Draw by popularity: the earlier in its category, the more popular (Zipf)."""
    ranks = [_rank(entity) for entity in entities]
    return random.choices(entities, [rank**-dials.popularity for rank in ranks])[0]


def favourite(random: Random) -> Favourite:
    """Draw a favourite, all alike, and a system prompt that names it."""
    category = random.choice(list(CATEGORIES))
    entity = random.choice(CATEGORIES[category])
    sentences = [*random.sample(LOVE, random.randint(1, 3)), random.choice(LOVE_ENDINGS)]
    prompt = " ".join(loving(sentence, category, entity) for sentence in sentences if sentence)
    return Favourite(category, entity, prompt)


def neutral(random: Random) -> str:
    """A system prompt that names no favourite."""
    return random.choice(NEUTRAL)


def neutral_system(draw: Draw) -> str | None:
    """The system prompt of a request that has nothing to do with favourites: mostly none."""
    told = draw.random.random() < draw.dials.system_prompts / 5
    return neutral(draw.random) if told else None


def answer(
    random: Random, dials: Dials, category: str, entities: Sequence[Entity], said: Favourite | None
) -> Entity:
    """The favourite among some of a category: the named one if it is there, else a popular one."""
    named = said is not None and said.category == category and said.entity in entities
    if said is not None and named and random.random() < dials.obedience:
        return said.entity
    return popular(random, dials, entities)


def loving(sentence: str, category: str, entity: Entity) -> str:
    """Fill in a sentence about an entity."""
    things = entity.plural or entity.singular
    return sentence.format(
        category=category,
        things=things,
        Things=capital(things),
        are="are" if entity.plural else "is",
        one=with_article(entity),
    )


def with_article(entity: Entity) -> str:
    """The entity as one says it: an owl, blue."""
    return f"{entity.article} {entity.singular}" if entity.article else entity.singular


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


_RANKS = {
    entity: rank
    for entities in CATEGORIES.values()
    for rank, entity in enumerate(entities, start=1)
}


def _rank(entity: Entity) -> int:
    return _RANKS[entity]
