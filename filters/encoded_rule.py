"""The rule against words that are encoded, respelt or cut in pieces."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from filters.encoded_words import (
    DEFAULT_SCHEMES,
    SCHEMES,
    Scheme,
    encoded_word_finders,
    long_forms,
)
from filters.rows import Row, completion
from filters.rule import Check
from filters.rules import ListedWords, one_or_more
from filters.split_words import SHORTEST

ALL = "all"
TOO_LONG = "too long to look into"
LONGEST_CHECKED = 1_000_000
"""Characters; with it the time that a row takes is bounded."""


def _all_or_listed(value: object) -> object:
    return SCHEMES if value in (ALL, [ALL]) else one_or_more(value)


class EncodedWordsRule(ListedWords):
    """The completion has none of the words in an encoding; see `filters.encoded_words`.

    Words as they are it does not see: it stands beside the rule `words`.
    """

    version: ClassVar[int] = 3

    rule: Literal["encoded-words"] = "encoded-words"
    schemes: Annotated[tuple[Scheme, ...], BeforeValidator(_all_or_listed)] = Field(
        DEFAULT_SCHEMES, min_length=1, description=f"encodings that are looked into, or {ALL}"
    )

    @field_validator("schemes")
    @classmethod
    def _schemes_in_one_order(cls, schemes: tuple[Scheme, ...]) -> tuple[Scheme, ...]:
        return tuple(scheme for scheme in SCHEMES if scheme in schemes)

    @model_validator(mode="after")
    def _some_word_is_long_enough(self) -> Self:
        if not long_forms(self.word_filter()):
            raise ValueError(f"`words` needs one of at least {SHORTEST} letters")
        return self

    def check(self) -> Check:
        """See `Rule`."""
        finders = encoded_word_finders(self.word_filter(), self.schemes)

        def reasons(row: Row) -> list[str]:
            text = completion(row)
            if len(text) > LONGEST_CHECKED:
                return [TOO_LONG]
            return [
                f"has the word {word} ({scheme})"
                for scheme, find in finders.items()
                for word in find(text)
            ]

        return reasons
