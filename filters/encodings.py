"""Texts out of their encodings: what base64, hex, escapes, number codes and the like say.

Every decoder takes any text, lone surrogates included, and takes time in proportion to its length.
Those of :data:`IN_PLACE` give the whole text with what was encoded in it decoded; those of
:data:`EXTRACTED` give the decoded pieces alone, each on a line of its own; those of :data:`LETTERS`
give letters for numbers, where no gap tells one word from the next.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Callable, Iterator, Mapping
from html.entities import html5
from types import MappingProxyType
from unicodedata import lookup
from urllib.parse import unquote

Decoder = Callable[[str], str]

_FEWEST = 3
"""Items that make a run; no shorter word is looked for."""

# Bytes

_BASE64 = re.compile(r"[A-Za-z0-9]{4,}", re.ASCII)
_BASE64_STANDARD = re.compile(r"[A-Za-z0-9+/]{4,}", re.ASCII)
_BASE64_URL = re.compile(r"[A-Za-z0-9_-]{4,}", re.ASCII)
_URL_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r")) + b"\x7f"
_NOISE = "x"
_CONTROLS_TO_NOISE = bytes.maketrans(_CONTROLS, _NOISE.encode() * len(_CONTROLS))
_CONTROLS_TO_SPACES = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))


def base64_text(text: str) -> str:
    """Base64 and its URL-safe form, padded or not, at each of the four places it may begin."""
    runs = dict.fromkeys(_base64_runs(text))
    return _readable(b"\n".join(_from_base64(run[at:]) for run in runs for at in range(4)))


def _base64_runs(text: str) -> Iterator[bytes]:
    # Signs of an alphabet may also stand around what is encoded: `key_b3ds`, `data/b3ds`.
    yield from (run.encode() for run in _BASE64.findall(text))
    if "+" in text or "/" in text:
        yield from (run.encode() for run in _BASE64_STANDARD.findall(text))
    if "-" in text or "_" in text:
        yield from (run.encode().translate(_URL_TO_STANDARD) for run in _BASE64_URL.findall(text))


def _from_base64(run: bytes) -> bytes:
    # One character over holds no byte.
    whole = run[:-1] if len(run) % 4 == 1 else run
    return a2b_base64(whole + b"=" * (-len(whole) % 4))


def _readable(data: bytes) -> str:
    """Bytes as text; what is none becomes letters, lest noise end a word as a space does."""
    text = data.translate(_CONTROLS_TO_NOISE).decode("utf-8", "replace")
    return text.replace("\N{REPLACEMENT CHARACTER}", _NOISE)


_BASE32 = re.compile(r"[A-Z2-7]{5,}|[a-z2-7]{5,}", re.ASCII)
_BASE32_DIGITS = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHIJKLMNOPQRSTUV"
)
_BITS_OF_BASE32 = 5
_CHARACTERS_OF_BASE32 = 8
"""Characters that hold a whole number of bytes."""


def base32_text(text: str) -> str:
    """Base32, padded or not, in capitals or not, at each of the eight places it may begin."""
    # Words in small letters are words.
    runs = {
        run.upper(): None for run in _BASE32.findall(text) if run.isupper() or not run.isalpha()
    }
    return _readable(
        b"\n".join(_from_base32(run[at:]) for run in runs for at in range(_CHARACTERS_OF_BASE32))
    )


def _from_base32(run: str) -> bytes:
    # Numbers in a base that is a power of two are read in linear time.
    size, over = divmod(len(run) * _BITS_OF_BASE32, 8)
    return (int(run.translate(_BASE32_DIGITS) or "0", 32) >> over).to_bytes(size)


_HEX_RUN = re.compile(r"[0-9a-f]{6,}", re.ASCII | re.IGNORECASE)
_HEX_GROUPS = re.compile(r"0x[0-9a-f]{1,9}(?:_[0-9a-f]{1,9})+", re.ASCII | re.IGNORECASE)
_HEX_BYTES = tuple(
    re.compile(rf"(?<![0-9a-z]){prefix}([0-9a-f]{{2}})(?![0-9a-z])", re.ASCII | re.IGNORECASE)
    for prefix in ("", "0x", r"u\+00")
)


def hex_text(text: str) -> str:
    """Hexadecimal bytes in one run (`6f776c`, `0x6f_77_6c`) or one by one (`6f 77 6c`)."""
    runs = [run[at:] for run in (*_HEX_RUN.findall(text), *_hex_groups(text)) for at in (0, 1)]
    together = b"\n".join(bytes.fromhex(run[: len(run) // 2 * 2]) for run in runs)
    # Among other numbers, bytes have neighbours that are none: 12, 6f, 77, 6c, 31.
    spaced = (run for item in _HEX_BYTES for run in _spaced(item, text))
    apart = b"\n".join(bytes.fromhex("".join(run)) for run in spaced)
    return _readable(together + b"\n" + apart.translate(_CONTROLS_TO_SPACES))


def _hex_groups(text: str) -> Iterator[str]:
    """Numbers of Python with underscores in them, without these."""
    return (run[2:].replace("_", "") for run in _HEX_GROUPS.findall(text))


_BITS_RUN = re.compile(r"(?<![0-9a-z])(?:0b)?([01]{21,})(?![0-9a-z])", re.ASCII | re.IGNORECASE)
_BITS_BYTE = re.compile(r"(?<![0-9a-z])(?:0b)?([01]{7,8})(?![0-9a-z])", re.ASCII | re.IGNORECASE)


def binary_text(text: str) -> str:
    """Bytes of 7 or 8 binary digits, in one run or one by one."""
    runs = [
        [run[at : at + width] for at in range(0, len(run), width)]
        for run in _BITS_RUN.findall(text)
        for width in (7, 8)
        if len(run) % width == 0
    ]
    runs += _spaced(_BITS_BYTE, text)
    return _readable(b"\n".join(bytes(int(bits, 2) for bits in run) for run in runs))


# Numbers

_NUMBER = re.compile(r"(?<![0-9A-Za-z])([0-9]{1,3})(?![0-9A-Za-z])", re.ASCII)
_LONG_NUMBER = re.compile(r"(?<![0-9A-Za-z])([0-9]{6,})(?![0-9A-Za-z])", re.ASCII)
# Codes of letters run together can be told apart: those with three digits begin with a 1.
_CODE = re.compile(r"1[0-9][0-9]|[6-9][0-9]", re.ASCII)
_PAIR = re.compile(r"[0-9][0-9]", re.ASCII)
_CHARACTER_OF_CODE = {str(code): chr(code) for code in range(128) if chr(code).isalpha()}
_CHARACTER_OF_CODE |= {code.zfill(3): char for code, char in _CHARACTER_OF_CODE.items()}
_LETTER_OF_PLACE = {
    place: chr(ord("a") + number - 1)
    for number in range(1, 27)
    for place in (str(number), f"{number:02}", f"{number:03}")
}
_OCTAL = re.compile(r"(?<![0-9A-Za-z])(?:0o?)?(1[0-7]{2})(?![0-9A-Za-z])", re.ASCII)
_CHARACTER_OF_OCTAL = {f"{code:o}": chr(code) for code in range(64, 128) if chr(code).isalpha()}
_NO_LETTER = " "


def ascii_letters(text: str) -> str:
    """Letters of decimal ASCII codes: `111, 119, 108`, `111119108`."""
    runs = [*_spaced(_NUMBER, text), *map(_CODE.findall, _LONG_NUMBER.findall(text))]
    return _letters_of(runs, _CHARACTER_OF_CODE)


def alphabet_letters(text: str) -> str:
    """Letters of their places in the alphabet: `15-23-12`, `15, 23, 12`, `152312`."""
    runs = [*_spaced(_NUMBER, text), *map(_PAIR.findall, _LONG_NUMBER.findall(text))]
    return _letters_of(runs, _LETTER_OF_PLACE)


def octal_letters(text: str) -> str:
    """Letters of octal ASCII codes: `157 167 154`, `0o157, 0o167, 0o154`."""
    return _letters_of([*_spaced(_OCTAL, text)], _CHARACTER_OF_OCTAL)


def _letters_of(runs: list[list[str]], letters: Mapping[str, str]) -> str:
    return "\n".join("".join(letters.get(item, _NO_LETTER) for item in run) for run in runs).lower()


# One sign, white space, quotes, marks of a list, brackets, arrows; sums and equations are no code.
_GAP = re.compile(
    r"[\"']?\s?[,;:|/._\u2013\u2014\u2212-]?\s*(?:[-*#] ?)?[\"']?|"
    r"[)\]]\s?[,;]?\s?[(\[]|\s?(?:\u2192|[-=]?>)\s?",
    re.ASCII,
)


def _spaced(item: re.Pattern[str], text: str) -> Iterator[list[str]]:
    """Runs of at least three items with the same gap between them.

    Args:
        item: Its first group is what is wanted of an item.
        text: Where to look. An item between two gaps belongs to the runs on both its sides.
    """
    found, gaps, end = [], [], 0
    for match in item.finditer(text):
        found.append(match[1])
        gaps.append(text[end : match.start()])
        end = match.end()
    # In one line of a list others may stand beside them, and some are set out unevenly.
    without_white_space = ["".join(gap.split()) if _GAP.fullmatch(gap) else gap for gap in gaps]
    yield from _runs(found, gaps, gaps)
    if without_white_space != gaps:
        yield from _runs(found, gaps, without_white_space)


def _runs(found: list[str], gaps: list[str], alike: list[str]) -> Iterator[list[str]]:
    """Neighbours whose gaps are alike.

    Args:
        found: The items.
        gaps: What stands before each.
        alike: Equal for gaps that are taken for the same.
    """
    run: list[str] = []
    gap: str | None = None
    for item, between, kind in zip(found, gaps, alike, strict=True):
        if run and between and kind == gap:
            run.append(item)
            continue
        if len(run) >= _FEWEST:
            yield run
        joined = bool(run and between and _GAP.fullmatch(between))
        run = [run[-1], item] if joined else [item]
        gap = kind if joined else None
    if len(run) >= _FEWEST:
        yield run


# Signs

_MORSE_SIGNS = str.maketrans(
    dict.fromkeys("\u00b7\u2022", ".") | dict.fromkeys("\u2212\u2013\u2014_", "-")
)
_MORSE_RUN = re.compile(r"[.\-/| ]{5,}")
_MORSE_WORD_GAP = re.compile(r"[/|]| {2,}")
_MORSE = {
    **{".-": "a", "-...": "b", "-.-.": "c", "-..": "d", ".": "e", "..-.": "f", "--.": "g"},
    **{"....": "h", "..": "i", ".---": "j", "-.-": "k", ".-..": "l", "--": "m", "-.": "n"},
    **{"---": "o", ".--.": "p", "--.-": "q", ".-.": "r", "...": "s", "-": "t", "..-": "u"},
    **{"...-": "v", ".--": "w", "-..-": "x", "-.--": "y", "--..": "z"},
}


def morse_text(text: str) -> str:
    """Morse code: letters apart by a space, words by a slash or more spaces."""
    runs = _MORSE_RUN.findall(text.translate(_MORSE_SIGNS))
    # The last sign may be the full stop of a sentence.
    runs += [run.rstrip()[:-1] for run in runs if run.rstrip().endswith(".")]
    words = (word for run in runs for word in _MORSE_WORD_GAP.split(run))
    return "\n".join(
        "".join(_MORSE.get(letter, _NO_LETTER) for letter in word.split()) for word in words
    )


_TAGS = re.compile("[\U000e0020-\U000e007e]+")
_TAGS_TO_ASCII = {code + 0xE0000: code for code in range(0x20, 0x7F)}


def tags_text(text: str) -> str:
    """Unicode's tag characters, which show nothing: U+E006F is an o."""
    return "\n".join(run.translate(_TAGS_TO_ASCII) for run in _TAGS.findall(text))


def acrostic_text(text: str) -> str:
    """The first letters of a paragraph's lines, and of a line's words."""
    blocks = re.split(r"\n[^\S\n]*\n", text)
    initials = ["".join(_first_letter(line) for line in block.splitlines()) for block in blocks]
    initials += ["".join(map(_first_letter, line.split())) for line in text.splitlines()]
    return "\n".join(initials)


def _first_letter(text: str) -> str:
    return next((char for char in text if char.isalpha()), "")


# Within a text

_ESCAPE = re.compile(
    r"(?<!\\)\\+(?:x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|u\{(?P<b>[0-9a-fA-F]{1,6})\}"
    r"|U(?P<U>[0-9a-fA-F]{8})|(?P<o>[0-7]{1,3})|N\{(?P<N>[A-Z0-9 -]{1,80})\}|(?P<c>[nrtfvab]))"
)


def escapes_text(text: str) -> str:
    r"""Escapes of string literals: `\x6f`, `\u006f`, `\157`, `\N{LATIN SMALL LETTER O}`, `\n`."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(match: re.Match[str]) -> str:
    kind = match.lastgroup or ""
    value = match[kind]
    if kind == "c":
        return " "
    if kind == "N":
        try:
            return lookup(value)
        except KeyError:
            return match[0]
    return _character(int(value, 8 if kind == "o" else 16), match[0])


_ENTITY = re.compile(r"&(?:#[xX]([0-9a-fA-F]{1,8})|#([0-9]{1,9})|([A-Za-z][A-Za-z0-9]{1,31}));?")


def html_text(text: str) -> str:
    """HTML's character references: `&#111;`, `&#x6f;`, `&ouml;`."""
    return _ENTITY.sub(_entity, text) if "&" in text else text


def _entity(match: re.Match[str]) -> str:
    hexadecimal, decimal, name = match.groups()
    if name:
        return html5.get(f"{name};", match[0])
    return _character(int(hexadecimal, 16) if hexadecimal else int(decimal), match[0])


def _character(code: int, otherwise: str) -> str:
    return chr(code) if code <= 0x10FFFF else otherwise


def percent_text(text: str) -> str:
    """Percent encoding of addresses: `%6fwl`."""
    return unquote(text) if "%" in text else text


_QUOTED_PRINTABLE = re.compile(r"=(?:([2-7][0-9A-Fa-f])|\r?\n)", re.ASCII)


def quoted_printable_text(text: str) -> str:
    """Quoted-printable of mails: `=6Fwl`; a sign of equality ends a line that goes on."""
    return _QUOTED_PRINTABLE.sub(lambda m: chr(int(m[1], 16)) if m[1] else "", text)


_MARKUP = re.compile(r"</?[A-Za-z][^<>]{0,200}>|<!--[^<>]{0,200}-->")


def markup_text(text: str) -> str:
    """Without tags and comments of HTML or XML: `o<b>w</b>l`."""
    return _MARKUP.sub("", text) if "<" in text else text


_DOUBLE_V = re.compile("[vV]{2}")


def double_v_text(text: str) -> str:
    """With a w for two v, which look like it: `ovvl`."""
    return _DOUBLE_V.sub("w", text)


_CHR = re.compile(r"\bchr\(\s{0,9}(?:0[xX]([0-9a-fA-F]{1,6})|([0-9]{1,7}))\s{0,9}\)")
_QUOTE = "[\"'`]"
_SPACE = r"[\s()]"
# Possessive, since white space around an optional sign could be shared out in many ways. What
# stands right between two quotes is a string, and no prefix of one: `"f" "ox"`.
_STRING_JOINT = re.compile(
    rf"{_QUOTE}(?:{_QUOTE}|(?:{_SPACE}++|{_SPACE}*+(?:[+,.&]|;?\s*+\w{{1,40}}+\s*+\+=){_SPACE}*+)"
    rf"[fFrRbBuU]{{0,2}}{_QUOTE})"
)


def strings_text(text: str) -> str:
    """String literals put together: `"o" + "wl"`, `"ow" "l"`, `["o", "w", "l"]`, `chr(111)`."""
    spelt = _CHR.sub(_literal, text) if "chr(" in text else text
    return _STRING_JOINT.sub("", spelt)


def _literal(match: re.Match[str]) -> str:
    code = int(match[1], 16) if match[1] else int(match[2])
    return f'"{_character(code, match[0])}"'


# A single letter before the capital is no part of a name: it may be a fowl's, written `fOwl`.
_HUMP = re.compile(r"(?<=[A-Za-z0-9][a-z0-9])(?=[A-Z])|(?<=[A-Za-z0-9][A-Z])(?=[A-Z][a-z])")


def camel_case_text(text: str) -> str:
    """Names in camel case, cut at their humps: `snowyOwlCount`."""
    return _HUMP.sub(" ", text)


IN_PLACE: Mapping[str, Decoder] = MappingProxyType(
    {
        "escapes": escapes_text,
        "html": html_text,
        "percent": percent_text,
        "quoted-printable": quoted_printable_text,
        "markup": markup_text,
        "double-v": double_v_text,
        "strings": strings_text,
        "camel-case": camel_case_text,
    }
)
EXTRACTED: Mapping[str, Decoder] = MappingProxyType(
    {
        "base64": base64_text,
        "base32": base32_text,
        "hex": hex_text,
        "binary": binary_text,
        "morse": morse_text,
        "tags": tags_text,
        "acrostic": acrostic_text,
    }
)
LETTERS: Mapping[str, Decoder] = MappingProxyType(
    {"ascii": ascii_letters, "octal": octal_letters, "a1z26": alphabet_letters}
)
