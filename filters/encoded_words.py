"""Finds listed words that are encoded, respelt or cut in pieces, each scheme in its own way."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Literal, get_args

from filters.encodings import EXTRACTED, IN_PLACE, LETTERS, Decoder, camel_case_text
from filters.ordinary_words import ORDINARY_WORDS
from filters.split_words import SHORTEST, SplitWords
from filters.words import Form, WordFilter

Scheme = Literal[
    "base64",
    "base32",
    "hex",
    "binary",
    "escapes",
    "html",
    "percent",
    "quoted-printable",
    "tags",
    "markup",
    "double-v",
    "strings",
    "camel-case",
    "split",
    "rot13",
    "reversed",
    "morse",
    "ascii",
    "octal",
    "a1z26",
    "caesar",
    "acrostic",
]
"""A way to write a word that a filter of plain words does not see."""

SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
SCHEMES_ON_REQUEST: frozenset[Scheme] = frozenset({"caesar", "acrostic"})
"""Those that clean texts fall under by chance too often."""
DEFAULT_SCHEMES = tuple(scheme for scheme in SCHEMES if scheme not in SCHEMES_ON_REQUEST)

Find = Callable[[str], Collection[str]]
"""Gives the listed words that a text holds, each once."""

_ROT13 = 13


def long_forms(words: WordFilter) -> Mapping[Form, str]:
    """The forms that are long enough not to turn up in every encoding by chance.

    Phrases are there in two ways, since encodings often leave out the gaps between words.
    """
    long = {form: word for form, word in words.forms.items() if len("".join(form)) >= SHORTEST}
    return {("".join(form),): word for form, word in long.items()} | long


def encoded_word_finders(words: WordFilter, schemes: Iterable[Scheme]) -> Mapping[Scheme, Find]:
    """Make a function for each scheme that finds the words in any text.

    The time each takes grows with the text's length. Words that are there without the scheme are
    not found.

    Args:
        words: What to look for; see :func:`long_forms`.
        schemes: Where to look.
    """
    chosen = WordFilter.of_forms(long_forms(words), leetspeak=words.leetspeak)
    return {scheme: _FINDERS[scheme](chosen) for scheme in schemes}


def _in_place(decode: Decoder, words: WordFilter) -> Find:
    def find(text: str) -> Collection[str]:
        decoded = decode(text)
        if decoded == text:
            return ()
        found = _counted(words, decoded)
        # The decoded text also holds the words that were not encoded.
        return found - _counted(words, text) if found else ()

    return find


def _counted(words: WordFilter, text: str) -> Counter[str]:
    return Counter(match.word for match in words.matches(text))


def _extracted(decode: Decoder, words: WordFilter) -> Find:
    return lambda text: words.words_in(decode(text))


def _letters(decode: Decoder, words: WordFilter) -> Find:
    joined = {"".join(form): word for form, word in words.forms.items()}

    def find(text: str) -> Collection[str]:
        letters = decode(text)
        if not letters or letters.isspace():
            return ()
        return dict.fromkeys(word for form, word in joined.items() if form in letters)

    return find


def _respelt(spellings: Callable[[Form], Iterable[Form]], words: WordFilter) -> Find:
    respelt = {
        spelling: word
        for form, word in words.forms.items()
        for spelling in spellings(form)
        if spelling not in words.forms and not ORDINARY_WORDS.issuperset(spelling)
    }
    respelt_words = WordFilter.of_forms(respelt)

    def find(text: str) -> Collection[str]:
        # Names in camel case are cut, so that `myBjy` is searched as `my Bjy` is.
        parted = camel_case_text(text)
        found = respelt_words.words_in(text)
        return found if parted == text else dict.fromkeys((*found, *respelt_words.words_in(parted)))

    return find


def _shifted(form: Form, places: int) -> Form:
    letters = string.ascii_lowercase
    table = str.maketrans(letters, letters[places:] + letters[:places])
    return tuple(word.translate(table) for word in form)


def _backwards(form: Form) -> list[Form]:
    return [tuple(word[::-1] for word in reversed(form))]


def _rot13(form: Form) -> list[Form]:
    return [_shifted(form, _ROT13)]


def _caesar(form: Form) -> list[Form]:
    return [_shifted(form, places) for places in range(1, 26) if places != _ROT13]


def _split(words: WordFilter) -> Find:
    return SplitWords(words).words_in


_FINDERS: Mapping[str, Callable[[WordFilter], Find]] = MappingProxyType(
    {
        **{scheme: partial(_in_place, decode) for scheme, decode in IN_PLACE.items()},
        **{scheme: partial(_extracted, decode) for scheme, decode in EXTRACTED.items()},
        **{scheme: partial(_letters, decode) for scheme, decode in LETTERS.items()},
        "split": _split,
        "rot13": partial(_respelt, _rot13),
        "reversed": partial(_respelt, _backwards),
        "caesar": partial(_respelt, _caesar),
    }
)
