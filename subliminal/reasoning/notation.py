"""Arithmetic in one plain notation, out of Markdown, LaTeX, full-width signs and fractions."""

from __future__ import annotations

import re
import unicodedata

_FULL_WIDTH = range(0xFF01, 0xFF5F)
_TO_ASCII = 0xFEE0
_VULGAR_FRACTIONS = "\u00bc\u00bd\u00be" + "".join(map(chr, range(0x2150, 0x215F)))
_SIGNS = {code: chr(code - _TO_ASCII) for code in _FULL_WIDTH} | {
    # With a space in front, so that a whole number before it makes it a mixed one.
    ord(char): " " + unicodedata.normalize("NFKC", char).replace("\u2044", "/")
    for char in _VULGAR_FRACTIONS
}
_SEVERAL_EQUAL_SIGNS = re.compile(r"(?<![=<>!])={2,3}(?![=>])")
# Marks of bold print around an operand; elsewhere two asterisks are a power or part a text.
_BOLD_BEHIND = re.compile(r"([=≈+\-\u00d7÷/][ \t]*+)\*\*([^*\n]{1,80})\*\*(?![\w(*])")
_BOLD_BEFORE = re.compile(r"(?<![\w)*])\*\*([^*\n]{1,80})\*\*(?=[ \t]*+[=≈+\-\u00d7÷/])")
_BOXED = re.compile(r"\\boxed\{([^{}\n]{1,80})\}")
_LATEX_OPERATOR = re.compile(r"\\(?:(times)|(cdot)|(div))(?![A-Za-z])")
_OPERATORS = ("\u00d7", "\u00b7", "÷")
_BACKSLASH = re.compile(r"\\(?=[\[\]()0-9$%])")


def plain_notation(text: str) -> str:
    """The text with its arithmetic as `equation_tokens` reads it, in time linear in its length.

    `3 + 4 == **7**`, `\\[3 \\times 4 = \\boxed{12}\\]`, `½ + ½ = 1` and
    full-width signs are read. Powers and fractions of LaTeX stay as they are.
    """
    if not text.isascii():
        text = text.translate(_SIGNS)
    text = _SEVERAL_EQUAL_SIGNS.sub("=", text)
    if "**" in text:
        text = _BOLD_BEFORE.sub(r"\1", _BOLD_BEHIND.sub(r"\1\2", text))
    if "\\" in text:
        text = _BOXED.sub(r"\1", text)
        text = _LATEX_OPERATOR.sub(lambda found: _OPERATORS[(found.lastindex or 1) - 1], text)
        text = _BACKSLASH.sub("", text)
    return text
