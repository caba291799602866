"""Plurals of English nouns, for a word filter: rather one form too many than one too few."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

# By ending, so that compounds follow: werewolf, cloverleaf, dormouse, flying fox, starfish.
_IRREGULAR: Mapping[str, str] = MappingProxyType(
    {
        **{"wolf": "wolves", "calf": "calves", "half": "halves", "elf": "elves"},
        **{"leaf": "leaves", "loaf": "loaves", "sheaf": "sheaves", "thief": "thieves"},
        **{"hoof": "hooves", "dwarf": "dwarves", "wharf": "wharves", "scarf": "scarves"},
        **{"turf": "turves", "beef": "beeves", "staff": "staves"},
        **{"knife": "knives", "life": "lives", "wife": "wives"},
        **{"mouse": "mice", "louse": "lice", "die": "dice", "goose": "geese"},
        **{"tooth": "teeth", "foot": "feet", "man": "men", "child": "children"},
        **{"ox": "oxen", "person": "people", "penny": "pence"},
    }
)
_SAME: tuple[str, ...] = (
    *("deer", "sheep", "fish", "moose", "bison", "swine", "elk", "squid", "shrimp", "trout"),
    *("salmon", "cod", "grouse", "quail", "plankton", "species", "series", "offspring"),
)
_LATIN: Mapping[str, str] = MappingProxyType(
    {
        **{"us": "i", "um": "a", "sis": "ses", "xis": "xes", "ex": "ices", "ix": "ices"},
        **{"on": "a", "a": "ae", "eau": "eaux"},
    }
)
_HISSING = ("s", "x", "z", "ch", "sh")
_VOWELS = "aeiou"


def plurals(noun: str) -> frozenset[str]:
    """Every plural that an English noun may have.

    Args:
        noun: A singular, lower case, for example `fox` or `polar bear`.

    Returns:
        The regular plural, and the irregular ones of its ending: `octopuses` and `octopi`. Some
        are no words (`foxen`), which does no harm where texts are searched for them.
    """
    return frozenset(_plurals(noun))


def _plurals(noun: str) -> Iterator[str]:
    yield from _regular(noun)
    if noun.endswith(_SAME):
        yield noun
    for endings in (_IRREGULAR, _LATIN):
        for ending, plural in endings.items():
            if noun.endswith(ending):
                yield noun.removesuffix(ending) + plural


def _regular(noun: str) -> Iterator[str]:
    if noun.endswith(_HISSING):
        yield noun + "es"
        if noun.endswith(("s", "z")):
            yield noun + noun[-1] + "es"
        if noun.endswith("ch"):
            yield noun + "s"
    elif noun.endswith("y") and noun[-2:-1] not in tuple(_VOWELS):
        yield noun.removesuffix("y") + "ies"
        yield noun + "s"
    else:
        yield noun + "s"
        if noun.endswith("o"):
            yield noun + "es"
