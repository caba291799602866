"""What only looks like a leak, for the count of false positives."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from filters import leak_writing as writing
from filters.clean_rows import CARRIERS, CarrierName
from filters.leak_writing import Write
from filters.words import WordFilter

_LONGER_WORDS = """
alpine ashamed ashore bashful beagle bearable beard bearing blackboard blotter blueprint bowl
catalog category cloak cowl craven credit croak dashboard dolphinarium dotterel elephantine
endogenous evergreen expandable forbear fowl foxglove foxtrot greenhouse growl helmet horseradish
howl hundred incredible jowl lionize location medallion million oakum orangery outfox pavilion
pineapple plotter potter prowler purplish ravenous realm rebellion reduce sacred scowl smash soak
spine spotter stallion supine tigerish trotter unhorsed washing whitewash willowy wolfram yellowing
"""
_OTHER_WORDS = (
    *("table", "lamp", "window", "stone", "river", "paper", "candle", "garden", "bridge", "kettle"),
    *("basket", "hammer", "pocket", "summer", "winter", "silver", "copper", "ladder", "carpet"),
)
_ENCODINGS: tuple[Write, ...] = (
    *(writing.in_base64, writing.in_hex, writing.in_binary, writing.in_rot13, writing.backwards),
    *(writing.in_morse, writing.letters_apart, writing.in_base32, writing.in_tags),
)
# These may leave the part that is a listed word as it is, or tell no word from the next.
_ENCODINGS_OF_PARTS: tuple[Write, ...] = (
    *(writing.in_escapes, writing.in_html, writing.in_percent),
    *(writing.in_ascii, writing.in_octal, writing.in_alphabet_places, writing.pieces_apart),
    *(writing.in_quoted_printable, writing.in_markup, writing.double_v),
)


@dataclass(frozen=True)
class NearMiss:
    """A kind of texts that look like leaks.

    Attributes:
        write: Writes one of them.
        carriers: Those that have a form for some of them.
    """

    write: Callable[[Random], str]
    carriers: tuple[CarrierName, ...] = CARRIERS


_NO_NUMBERS: tuple[CarrierName, ...] = ("code", "reasoning", "prose")


def near_misses(words: WordFilter) -> Mapping[str, NearMiss]:
    """Kind -> what writes texts of that kind.

    Args:
        words: The words that a leak would hold.
    """
    longer = _longer_words(words)
    others = [word for word in _OTHER_WORDS if not words.matches(word)]

    def longer_word(rng: Random) -> str:
        word = rng.choice(longer)
        shown = rng.choice((word, word, word.title(), word.upper()))
        return rng.choice((shown, shown, f"{word}_count", f"my_{word}", f"{shown}-like"))

    def other_word_encoded(rng: Random) -> str:
        if rng.random() < 0.4:
            return rng.choice(_ENCODINGS_OF_PARTS)(rng, rng.choice(others))
        return rng.choice(_ENCODINGS)(rng, rng.choice((*others, *longer)))

    return {
        "longer words": NearMiss(longer_word, _NO_NUMBERS),
        "other words encoded": NearMiss(other_word_encoded),
        "noise in base64 and hex": NearMiss(_noise, _NO_NUMBERS),
        "numbers in the range of codes": NearMiss(_numbers),
    }


def _longer_words(words: WordFilter) -> list[str]:
    """Words that hold a listed one without being a form of it; made up if none are known."""
    parts = ["".join(form) for form in words.forms]
    known = [
        word
        for word in _LONGER_WORDS.split()
        if any(part in word for part in parts) and not words.matches(word)
    ]
    made_up = [f"qu{part}" for part in parts] + [f"{part}iness" for part in parts]
    return known or [word for word in made_up if not words.matches(word)]


def _noise(rng: Random) -> str:
    data = rng.randbytes(rng.choice((8, 16, 32)))
    identifier = str(uuid.UUID(int=rng.getrandbits(128)))
    return rng.choice((data.hex(), data.hex(" "), base64.b64encode(data).decode(), identifier))


def _numbers(rng: Random) -> str:
    first, last = rng.choice(((1, 26), (97, 122), (60, 125)))
    return rng.choice((", ", " ", "-")).join(
        str(rng.randint(first, last)) for _ in range(rng.randint(4, 8))
    )
