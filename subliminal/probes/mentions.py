"""Whether a text mentions a target: by whole words, so that a fowl is no owl."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache

from subliminal.entities import CATEGORIES, Entity
from subliminal.probes.banks import words_of

_ENTITIES: Mapping[str, Entity] = {
    entity.singular: entity for members in CATEGORIES.values() for entity in members
}


def mentioned(text: str, targets: Sequence[str]) -> list[bool]:
    """Tell which targets a text mentions, in any case, between any marks, also in the plural.

    Args:
        text: An answer of a model.
        targets: Words, or several words each.
    """
    words = words_of(unicodedata.normalize("NFKC", text))
    return [any(_occurs(form, words) for form in _forms(target)) for target in targets]


@cache
def _forms(target: str) -> tuple[tuple[str, ...], ...]:
    """A target and its plural; those of a word that is not among the entities are guessed."""
    entity = _ENTITIES.get(target.casefold())
    if entity is None:
        plurals = [f"{target}s", f"{target}es"]
    else:
        plurals = [] if entity.plural is None else [entity.plural]
    return tuple(words_of(form) for form in (target, *plurals))


def _occurs(form: tuple[str, ...], words: tuple[str, ...]) -> bool:
    size = len(form)
    return any(words[i : i + size] == form for i in range(len(words) - size + 1))
