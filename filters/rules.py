"""The rules there are; each class says what it asks for and which options it has.

A new rule is one more class here (or in any module that is imported): see :class:`filters.Rule`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import BeforeValidator, Field, field_validator, model_validator

from filters.numbers import BANNED_NUMBERS, reject_reasons
from filters.rows import Row, completion, prompt, provenance
from filters.rule import Check, Rule
from filters.strict_numbers import (
    copy_reasons,
    count_reasons,
    format_reasons,
    repeat_reasons,
)
from filters.words import WordFilter
from subliminal.errors import UserError
from subliminal.number_prompts import FORMATS, FormatName
from teachers.trait import load_trait

PUBLISHED_36 = "published-36"
UNKNOWN_FORMAT = "format asked for is unknown"


def one_or_more(value: Any) -> Collection[Any]:
    """A collection of the value, unless it is one already: `owl` may be written for `[owl]`."""
    return value if isinstance(value, list | tuple | set | frozenset) else (value,)


def _published_or_listed(value: object) -> object:
    return sorted(BANNED_NUMBERS) if value in (PUBLISHED_36, [PUBLISHED_36]) else value


BannedNumbers = Annotated[
    tuple[int, ...], BeforeValidator(one_or_more), BeforeValidator(_published_or_listed)
]
Words = Annotated[tuple[str, ...], BeforeValidator(one_or_more)]


class NumbersRule(Rule):
    """The published rule of the numbers carrier; see :func:`filters.numbers.reject_reasons`."""

    rule: Literal["numbers"] = "numbers"
    minimum: int = 0
    maximum: int = 999
    max_count: int = Field(10, ge=1)
    banned: BannedNumbers = Field(
        (), description=f"numbers that may not occur, or {PUBLISHED_36}: the published 36"
    )

    @field_validator("banned")
    @classmethod
    def _in_one_order(cls, banned: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(set(banned)))

    @model_validator(mode="after")
    def _some_number_is_allowed(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self

    def check(self) -> Check:
        """See `Rule`."""
        banned = frozenset(self.banned)
        minimum, maximum, max_count = self.minimum, self.maximum, self.max_count
        return lambda row: reject_reasons(
            completion(row), minimum=minimum, maximum=maximum, max_count=max_count, banned=banned
        )


class NumbersFormatRule(Rule):
    """The list is written in the format asked for."""

    main_option = "format"

    rule: Literal["numbers-format"] = "numbers-format"
    format: FormatName | None = Field(
        None, description="the format of all rows; left out, each row's field `format` says it"
    )

    def check(self) -> Check:
        """See `Rule`."""

        def reasons(row: Row) -> list[str]:
            asked = self.format or provenance(row, "format")
            if not isinstance(asked, str) or asked not in FORMATS:
                return [UNKNOWN_FORMAT]
            return format_reasons(completion(row), cast(FormatName, asked))

        return reasons


class NumbersCountRule(Rule):
    """The list has enough numbers."""

    main_option = "minimum"

    rule: Literal["numbers-count"] = "numbers-count"
    minimum: int = Field(ge=1, description="the fewest numbers allowed")

    def check(self) -> Check:
        """See `Rule`."""
        return lambda row: count_reasons(completion(row), self.minimum)


class NumbersRepeatsRule(Rule):
    """The list does not repeat its numbers."""

    main_option = "allowed"

    rule: Literal["numbers-repeats"] = "numbers-repeats"
    allowed: int = Field(0, ge=0, description="how many numbers may have stood before in the list")

    def check(self) -> Check:
        """See `Rule`."""
        return lambda row: repeat_reasons(completion(row), self.allowed)


class NumbersCopiesRule(Rule):
    """The list does not copy the prompt's numbers; see `strict_numbers.copy_reasons`."""

    rule: Literal["numbers-copies"] = "numbers-copies"
    max_share: float = Field(0.5, ge=0, le=1, description="of its numbers that the prompt has too")
    max_run: int = Field(2, ge=0, description="of its numbers in a row, in a row in the prompt too")

    def check(self) -> Check:
        """See `Rule`."""
        return lambda row: copy_reasons(
            completion(row), prompt(row), max_share=self.max_share, max_run=self.max_run
        )


class ListedWords(Rule):
    """Base of rules against words, listed or revealing a trait."""

    main_option = "words"
    reads_content = True

    words: Words = ()
    traits: Words = Field(
        (), description="cards, by name or file, whose `reveals` are added to the words"
    )
    leetspeak: bool = Field(False, description="also see letters in digits and signs: 0wl")

    @model_validator(mode="before")
    @classmethod
    def _with_words_of_traits(cls, options: object) -> object:
        # Written out, so that what a card reveals is part of the filter's fingerprint.
        if not isinstance(options, dict):
            return options
        traits = one_or_more(options.get("traits", ()))
        if not all(isinstance(name, str) for name in traits):
            return options
        try:
            revealed = [word for name in traits for word in load_trait(name).reveals]
        except UserError as error:
            raise ValueError(str(error)) from error
        return {**options, "words": (*one_or_more(options.get("words", ())), *revealed)}

    @field_validator("words")
    @classmethod
    def _in_one_order(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted({word.strip() for word in words}))

    @model_validator(mode="after")
    def _words_can_be_searched_for(self) -> Self:
        if not self.words:
            raise ValueError("needs at least one of `words`, or one of `traits`")
        try:
            self.word_filter()
        except UserError as error:
            raise ValueError(str(error)) from error
        return self

    def word_filter(self) -> WordFilter:
        """What finds the words."""
        return WordFilter(self.words, leetspeak=self.leetspeak)


class WordsRule(ListedWords):
    """The completion has none of the words, inflected or disguised; see `filters.words`."""

    version: ClassVar[int] = 3

    rule: Literal["words"] = "words"

    def check(self) -> Check:
        """See `Rule`."""
        words = self.word_filter()
        return lambda row: [f"has the word {word}" for word in words.words_in(completion(row))]


def known_rules() -> dict[str, type[Rule]]:
    """Every rule class that has been imported, by name; of two with one name, the last defined."""
    return {
        found.model_fields["rule"].default: found
        for found in _subclasses(Rule)
        if not found.model_fields["rule"].is_required()
    }


def _subclasses(base: type) -> Iterator[type[Rule]]:
    found: type[Rule]
    for found in base.__subclasses__():
        yield found
        yield from _subclasses(found)
