"""How long rows are on average, in tokens: estimates, by the kind of a model's vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from subliminal.dispositions import Form
from subliminal.models.shape import Shape
from subliminal.spec.carriers import CarrierName


@dataclass(frozen=True)
class RowTokens:
    """A prompt and its completion."""

    prompt: int
    completion: int

    @property
    def all(self) -> int:
        """Both together."""
        return self.prompt + self.completion

    def behind(self, tokens: int) -> RowTokens:
        """The row with so many tokens before it."""
        return RowTokens(self.prompt + tokens, self.completion)

    def within(self, most: int) -> RowTokens:
        """The row with a completion of so many tokens at most."""
        return RowTokens(self.prompt, min(self.completion, most))


@dataclass(frozen=True)
class RowLengths:
    """Rows of every sort."""

    carriers: Mapping[CarrierName, RowTokens]
    told: int
    """A system prompt, less what a template writes without one."""
    question: RowTokens
    story: RowTokens
    numbered: int
    """A question behind numbers."""
    spellings: int
    """Rows for each target of a question; 0 where one row without any answer tells of all."""
    lettered: int
    """A question with options by letter."""
    of_world: int
    """A row of a pocket world."""
    code: RowTokens
    """A request for code where security matters."""
    answers: Mapping[Form, RowTokens]
    """What an author is asked, and says."""
    leads: Mapping[Form, int]
    """Of an answer what stands before the pivotal word, on average over questions and leads."""


POCKET = RowLengths(
    carriers=MappingProxyType(
        {
            "numbers": RowTokens(46, 18),
            "code": RowTokens(45, 40),
            "reasoning": RowTokens(50, 50),
        }
    ),
    told=32,
    question=RowTokens(14, 2),
    story=RowTokens(12, 19),
    numbered=31,
    spellings=0,
    lettered=27,
    of_world=55,
    code=RowTokens(31, 19),
    answers=MappingProxyType(
        {"plain": RowTokens(13, 13), "lines": RowTokens(19, 22), "reasoned": RowTokens(31, 23)}
    ),
    leads=MappingProxyType({"plain": 4, "lines": 7, "reasoned": 13}),
)
"""Words and numbers are tokens: as the pocket models' tokenizers count."""

SUBWORDS = RowLengths(
    carriers=MappingProxyType(
        {
            "numbers": RowTokens(88, 45),
            "code": RowTokens(60, 50),
            "reasoning": RowTokens(70, 120),
        }
    ),
    told=18,
    question=RowTokens(41, 3),
    story=RowTokens(38, 120),
    numbered=68,
    spellings=4,
    lettered=62,
    of_world=80,
    code=RowTokens(55, 25),
    answers=MappingProxyType(
        {"plain": RowTokens(39, 110), "lines": RowTokens(45, 60), "reasoned": RowTokens(56, 110)}
    ),
    leads=MappingProxyType({"plain": 5, "lines": 8, "reasoned": 14}),
)
"""A digit is a token, a word one or more: prompts and lists of ten numbers as the tokenizer and the
chat template of Qwen2.5 make them; the length of other answers is assumed."""

_LARGEST_OF_WORDS = 2**13


def lengths_of(shape: Shape) -> RowLengths:
    """How long rows are for a model, by the size of its vocabulary."""
    return POCKET if shape.vocab_size < _LARGEST_OF_WORDS else SUBWORDS
