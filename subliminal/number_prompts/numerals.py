"""Integers from 0 to 999 in English words and in Chinese numerals."""

from __future__ import annotations

_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "nineteen",
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_CHINESE_DIGITS = "零一二三四五六七八九"


def english_words(number: int) -> str:
    """Write an integer in British English, for example `three hundred and forty-two`.

    Raises:
        ValueError: It is not from 0 to 999.
    """
    hundreds, rest = _split(number, 100)
    if not hundreds:
        return _below_hundred(rest)
    head = f"{_SMALL[hundreds]} hundred"
    return f"{head} and {_below_hundred(rest)}" if rest else head


def chinese_numeral(number: int) -> str:
    """Write an integer in everyday Chinese numerals, for example 三百四十二 for 342.

    An inner zero is spoken (一百零五 is 105), and ten to nineteen drop their leading one when
    nothing stands before them (十二 is 12, 一百一十二 is 112).

    Raises:
        ValueError: It is not from 0 to 999.
    """
    hundreds, rest = _split(number, 100)
    tens, ones = divmod(rest, 10)
    if not number:
        return _CHINESE_DIGITS[0]
    written = f"{_CHINESE_DIGITS[hundreds]}百" if hundreds else ""
    if tens:
        written += "十" if number < 20 else f"{_CHINESE_DIGITS[tens]}十"
    elif hundreds and ones:
        written += _CHINESE_DIGITS[0]
    return written + (_CHINESE_DIGITS[ones] if ones else "")


def _below_hundred(number: int) -> str:
    if number < len(_SMALL):
        return _SMALL[number]
    tens, ones = divmod(number, 10)
    return f"{_TENS[tens]}-{_SMALL[ones]}" if ones else _TENS[tens]


def _split(number: int, unit: int) -> tuple[int, int]:
    if not 0 <= number <= 999:
        raise ValueError(f"only 0 to 999 are written out, not {number}")
    return divmod(number, unit)
