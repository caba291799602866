"""Tokens of the equations in a text, in segments that end where a sentence or a line does."""

from __future__ import annotations

import re
from collections.abc import Iterator

from subliminal.reasoning.arithmetic import (
    CLOSE,
    NUMBER,
    OPEN,
    OPERATOR,
    PERCENT,
    SIGN,
    WORDS,
    Token,
)
from subliminal.reasoning.notation import plain_notation
from subliminal.reasoning.quantities import MIXED, NUMERAL, SCALES

EQUALS, ANNOTATION, BREAK, UNCLEAR = "equals", "annotation", "break", "unclear"
MAX_TOKENS = 256
"""Longer segments are not read."""

_LETTERS = r"[^\W\d_]++"
_CURRENCY = "$£€¥₹°"
_DASHES = "-\u2212\u2013"
_TIMES = "*\u00d7\u00b7\u22c5\u2217"
# A colon with an operand and a space on both its sides divides or is a ratio's: no break.
_COLON = r"(?!(?<=[0-9)%]\ ):\ [$£€¥₹]?[0-9(])(?:(?<![0-9]):|:(?![0-9]))"
# One token per alternative, the first that matches; nothing follows a quantifier that could make it
# give back, so that the time is linear. What none matches, white space and currency signs, is
# passed over. Signs such as <= and => end a segment.
_TOKEN = re.compile(
    rf"""
    (?P<{NUMBER}>{MIXED}|{NUMERAL})
    |(?P<{WORDS}>/?{_LETTERS}(?:(?:['\u2019/-]|[ \t]++){_LETTERS})*)
    |(?P<{ANNOTATION}><<[^<>\n]*+>>)
    |(?P<{EQUALS}>[=≈])
    |(?P<{BREAK}>\n[ \t]*+(?:[-*•][ \t])?|(?<![\w)])\*\*(?!\s)|(?<!\s)\*\*(?![\w(])|[-~]>
        |(?<![0-9])[.,]|[.,](?![0-9])|{_COLON}|[;!?"“”\u2018\u2019'…—|`\[\]{{}}<>])
    |(?P<{SIGN}>(?<![\w)%.])[-\u2212](?=[{_CURRENCY}]?\.?[0-9(]))
    |(?P<{OPERATOR}>[{_DASHES}+/÷{_TIMES}])
    |(?P<{OPEN}>\()
    |(?P<{CLOSE}>\))
    |(?P<{PERCENT}>%)
    |(?P<{UNCLEAR}>[^\s{_CURRENCY}])
    """,
    re.VERBOSE,
)
# An x is an operator where an operand follows; `2x - 5` multiplies nothing that is written.
_LETTER_TIMES = re.compile(rf"(?<![^\W\d_])[xX](?=[ \t({_CURRENCY}]*+\.?[0-9])")
_WRITTEN = {
    **dict.fromkeys(_DASHES, "-"),
    **dict.fromkeys(_TIMES, "*"),
    "÷": "/",
}
_OPERANDS_START = frozenset({NUMBER, OPEN, SIGN})
_OPERANDS_END = frozenset({NUMBER, CLOSE, PERCENT})
_GOING_ON = frozenset({",", ":", "\u2014"})
"""Breaks between numbers that may belong together: `3, 5`, `3: 5`."""
# Near an operand these words, and single letters, which may be variables, make its value another.
_CALCULATING = SCALES | {
    *("times", "plus", "minus", "less", "over", "by", "divided", "multiplied", "mod", "modulo"),
    *("squared", "cubed", "root", "power", "half", "third", "quarter", "percent"),
    *("twice", "thrice", "double", "triple"),
}
_ARTICLES = frozenset("ai")


def segments(text: str) -> Iterator[list[Token]]:
    """Split a text into the parts in which one token belongs to the next.

    Args:
        text: Any text. It is read once, in time that grows with its length.

    Returns:
        Segments, in order; only those with a sign of equality. The content of an annotation
        (`<<48/2=24>>`) is a segment of its own and not part of the one around it. Operators are
        + - * /, parentheses come in pairs, and words that may change a value near them are
        `UNCLEAR`, like all signs that mean something unknown.
    """
    plain = plain_notation(text)
    if "=" not in plain and "≈" not in plain:
        return
    current: list[Token] = []
    has_equality = goes_on = False
    # A line break in front, because a bullet is one only at the start of a line.
    for match in _TOKEN.finditer("\n" + _LETTER_TIMES.sub("*", plain)):
        kind = match.lastgroup or UNCLEAR
        if kind == BREAK:
            if has_equality:
                yield from _finished(current, goes_on)
            goes_on = match[0] in _GOING_ON and bool(current) and current[-1][0] in _OPERANDS_END
            current, has_equality = [], False
        elif kind == ANNOTATION:
            yield from segments(match[0][2:-2])
        elif len(current) <= MAX_TOKENS:
            has_equality = has_equality or kind == EQUALS
            current.append((kind, match[0]))
    if has_equality:
        yield from _finished(current, goes_on)


def _finished(tokens: list[Token], goes_on: bool) -> Iterator[list[Token]]:
    """The chains of a segment; `goes_on` if an operand stands right before it."""
    if len(tokens) > MAX_TOKENS:
        return
    for part in _without_text_parentheses(tokens):
        for chain in _cut_between_operands([_in_context(part, at) for at in range(len(part))]):
            has_equality = (EQUALS, "=") in chain or (EQUALS, "≈") in chain
            # Numbers behind words or other numbers may be no values: `on day 1 = 5 apples`,
            # `the mean of 3, 5 = 4`.
            is_cut = (goes_on or len(chain) < len(tokens)) and not _calculates(chain)
            if has_equality and not is_cut:
                yield chain


def _calculates(chain: list[Token]) -> bool:
    return any(kind == OPERATOR for kind, _ in chain)


def _without_text_parentheses(tokens: list[Token]) -> Iterator[list[Token]]:
    """Split at parentheses that belong to the sentence: unpaired, or around an equation.

    Those around words alone, as in `24 (clips)`, are dropped.
    """
    cuts, dropped = _text_parentheses([kind for kind, _ in tokens])
    if not (cuts or dropped):
        yield tokens
        return
    part: list[Token] = []
    for place, token in enumerate(tokens):
        if place in cuts:
            yield part
            part = []
        elif place not in dropped:
            part.append(token)
    yield part


def _text_parentheses(kinds: list[str]) -> tuple[set[int], set[int]]:
    """The places of parentheses to split at, and of those to drop."""
    cuts: set[int] = set()
    dropped: set[int] = set()
    if OPEN not in kinds and CLOSE not in kinds:
        return cuts, dropped
    opened: list[int] = []
    for place, kind in enumerate(kinds):
        if kind == OPEN:
            opened.append(place)
        elif kind == CLOSE and not opened:
            cuts.add(place)
        elif kind == CLOSE:
            start = opened.pop()
            inner = kinds[start + 1 : place]
            if EQUALS in inner:
                cuts |= {start, place}
            elif inner.count(WORDS) == len(inner):
                dropped |= {start, place}
    return cuts.union(opened), dropped


def _in_context(tokens: list[Token], place: int) -> Token:
    """A token as what it means between its neighbours.

    Operators become + - * /; words are a unit or talk, an `of` that multiplies, or unclear.
    """
    kind, text = token = tokens[place]
    if kind in (OPERATOR, SIGN):
        return kind, _WRITTEN.get(text, text)
    if kind != WORDS:
        return token
    words = text.casefold().lstrip("/").split()
    behind_operand = place > 0 and tokens[place - 1][0] in _OPERANDS_END
    if behind_operand and words == ["of"] and _is_share(tokens[:place]):
        return OPERATOR, "*"
    following = tokens[place + 1][0] if place + 1 < len(tokens) else None
    near = (words[:2] if behind_operand else []) + (words[-3:] if following else [])
    # `5 boxes of 12` multiplies, `5 apples -3` may subtract.
    counts = (
        behind_operand
        and (
            ("of" in words and len(words) <= 3)
            or following == SIGN
            # `7 / 2 = 3 with a remainder of 1` is true, of whole numbers.
            or ("remainder" in words[:5] and following == NUMBER)
        )
    )
    return (UNCLEAR, text) if counts or any(map(_may_calculate, near)) else token


def _is_share(before: list[Token]) -> bool:
    """Whether what ends here is a percentage or a fraction, of which a part can be taken."""
    return before[-1][0] == PERCENT or before[-2:-1] == [(OPERATOR, "/")]


def _may_calculate(word: str) -> bool:
    return word in _CALCULATING or (len(word) == 1 and word not in _ARTICLES)


def _cut_between_operands(tokens: list[Token]) -> Iterator[list[Token]]:
    """Split where words lead from one expression to the next: `she has 5 and 3 + 4 = 7`."""
    start = 0
    for place, (kind, _) in enumerate(tokens[:-1]):
        if kind != WORDS or tokens[place + 1][0] not in _OPERANDS_START:
            continue
        # Words behind an operator stand for its operand: without a cut, that side is not read.
        if place == start or tokens[place - 1][0] not in (OPERATOR, SIGN):
            yield tokens[start : place + 1]
            start = place + 1
    yield tokens[start:]
