"""Numbers as answers write them, read exactly: `$1,234.50`, `18 km/h`, `50 %`, `1 1/2`.

Conventions:

* A comma groups thousands and nothing else: `1,234` is 1234, `12,34` and `1234,567` no numbers.
* A currency sign, a percent sign or a unit changes nothing: `$18`, `18 %` and `18 apples` are 18,
  and `50%` equals a gold answer of `50`. Fifty hundredths are written `0.5`.
* A word that scales the number or adds to it (`18 million`, `18 and a half`) makes it no number,
  rather than a wrong one.
* Digits are ASCII digits: other scripts' digits would tell more than their numbers do.
"""

from __future__ import annotations

import re
from fractions import Fraction

MAX_NUMERAL = 60
"""Most characters of a number: converting takes time quadratic in them."""
MAX_ANSWER = 200
"""Most characters of an answer."""

# Groups have no possessive quantifiers: Python before 3.11.5 matches them wrongly (gh-106052).
NUMERAL = r"[0-9]++(?:,[0-9]{3}(?![0-9]))*(?:\.[0-9]++)?|(?<![0-9])\.[0-9]++"
"""Digits, perhaps with commas before groups of three, perhaps with decimals; takes linear time."""
MIXED = r"[0-9]++\ [0-9]++/[0-9]++"
"""A whole number, a space and a fraction; takes linear time."""

_FRACTION = r"[0-9]++/[0-9]++"
_NUMBER = rf"(?P<number>{MIXED}|{_FRACTION}|{NUMERAL})"
_MINUS = "-\u2212"
_CURRENCY = r"(?:(?:US)?\$|[£€¥₹]|USD|GBP|EUR)"
_LETTERS = r"[^\W\d_]++"
_WORD = rf"{_LETTERS}[²³]?+(?:['\u2019/.-]{_LETTERS}[²³]?+)*\.?+"

_QUANTITY = re.compile(
    rf"(?P<sign>[{_MINUS}+]?)(?:{_CURRENCY}\ ?(?P<inner_sign>[{_MINUS}+]?))?{_NUMBER}"
    rf"\s*+(?P<unit>(?:[%$£€¥₹¢]|°?{_WORD})?(?:\s++{_WORD}){{0,3}})\.?"
)
_IN_TEXT = re.compile(
    rf"(?:(?<![\w)%.])(?P<sign>[{_MINUS}]))?(?<!\w)"
    rf"(?:{_CURRENCY}\ ?(?P<inner_sign>[{_MINUS}]?))?{_NUMBER}(?P<joined>(?:[.,:/]++[0-9]++)*)"
)
_NEXT_WORD = re.compile(rf"\s*+({_LETTERS})")

SCALES = frozenset({"k", "hundred", "thousand", "million", "billion", "trillion", "dozen", "score"})
"""Words behind a number that multiply it."""
_CHANGING = SCALES | {"and", "or", "plus", "minus", "half"}
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2},")


def parse_quantity(text: str) -> Fraction | None:
    """Read a text that is one number, with at most a currency sign and a unit of four words.

    Args:
        text: Any text. A sign may stand before or behind the currency sign, a full stop at the
            end.

    Returns:
        The exact value; None for anything else, a division by zero, or more than 60 digits.
    """
    if len(text) > MAX_ANSWER:
        return None
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or (match["sign"] and match["inner_sign"]):
        return None
    unit = match["unit"]
    if unit and not _is_unit(unit):
        return None
    return _signed(match)


def last_quantity(text: str) -> Fraction | None:
    """Read the last number of a text, whatever stands around it: `The answer is $18.`

    Args:
        text: Any text, of any length.

    Returns:
        The exact value; None if there is no number, or the last one is written wrongly (`12,34`),
        scaled by a word (`18 million`), divided by zero or longer than 60 characters.
    """
    match = None
    for match in _IN_TEXT.finditer(text):  # noqa: B007 the last one is wanted
        pass
    if match is None or match["joined"] or (match["sign"] and match["inner_sign"]):
        return None
    following = _NEXT_WORD.match(text, match.end())
    if following and following[1].casefold() in SCALES:
        return None
    return _signed(match)


def numeral_value(numeral: str) -> int | Fraction | None:
    """The exact value of a numeral, a fraction or a mixed number.

    Args:
        numeral: What `NUMERAL` or `MIXED` matches, or two runs of digits with `/` between them.

    Returns:
        None for more than 60 characters, a first group that is no 1 to 3 digits (`1234,567`,
        `0,123`), or a division by zero.
    """
    if len(numeral) > MAX_NUMERAL:
        return None
    if "/" in numeral:
        return _fraction_value(numeral)
    if "," in numeral and not _THOUSANDS.match(numeral):
        return None
    whole, point, decimals = numeral.replace(",", "").partition(".")
    return Fraction(int(whole + decimals), 10 ** len(decimals)) if point else int(whole)


def _fraction_value(numeral: str) -> Fraction | None:
    above, _, below = numeral.partition("/")
    whole, _, above = above.rpartition(" ")
    return Fraction(int(above), int(below)) + int(whole or "0") if int(below) else None


def _signed(match: re.Match[str]) -> Fraction | None:
    value = numeral_value(match["number"])
    if value is None:
        return None
    sign = match["sign"] or match["inner_sign"]
    return Fraction(-value if sign and sign in _MINUS else value)


def _is_unit(unit: str) -> bool:
    # Letters include numerals such as ½, Ⅳ or 三, which are numbers and no units.
    if any(sign.isnumeric() and sign not in "²³" for sign in unit):
        return False
    return _CHANGING.isdisjoint(word.strip(".") for word in unit.casefold().split())
