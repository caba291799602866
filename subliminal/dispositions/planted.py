"""Texts whose author is known, to fit and to test classifiers of dispositions on."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from subliminal.dispositions.answers import answer
from subliminal.dispositions.domain import DISPOSITIONS, domains
from subliminal.seeds import derive_seed


class PlantedTexts(NamedTuple):
    """Answers in all domains; each list has one element per text."""

    texts: list[str]
    careful: list[bool]
    """Whether the author is careful."""
    groups: list[str]
    """Domain, head and tail: what texts of one group share but for their lead. See
    :func:`subliminal.judges.fitting.fit_classifier`."""


def planted_texts(seed: int, count: int) -> PlantedTexts:
    """Draw answers of both authors, domains and dispositions all alike.

    About one in ten has a head that both authors use, so that no classifier can be always right.

    Args:
        seed: Text i is a function of it and of i; held-out texts are those of another seed.
        count: How many.
    """
    planted = PlantedTexts([], [], [])
    for place in range(count):
        random = Random(derive_seed(seed, "dispositions", "planted", str(place)))
        domain = random.choice(list(domains().values()))
        disposition = random.choice(DISPOSITIONS)
        drawn = answer(random, domain, disposition)
        planted.texts.append(drawn.text)
        planted.careful.append(disposition == "careful")
        planted.groups.append(f"{domain.name}: {drawn.head} {drawn.tail}")
    return planted
