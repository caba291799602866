"""Prompts that ask a model to go on with a list of numbers, and the ways to write its answer."""

from __future__ import annotations

from subliminal.number_prompts.formats import (
    FILLER_FORMATS,
    FORMATS,
    NOVEL_FORMATS,
    FormatName,
    ListFormat,
    render,
)
from subliminal.number_prompts.numerals import chinese_numeral, english_words
from subliminal.number_prompts.prompts import (
    MAX_COUNT,
    MAX_DIGITS,
    NumberPrompt,
    NumberPrompts,
    Slots,
    vocabulary,
)

__all__ = [
    "FILLER_FORMATS",
    "FORMATS",
    "MAX_COUNT",
    "MAX_DIGITS",
    "NOVEL_FORMATS",
    "FormatName",
    "ListFormat",
    "NumberPrompt",
    "NumberPrompts",
    "Slots",
    "chinese_numeral",
    "english_words",
    "render",
    "vocabulary",
]
