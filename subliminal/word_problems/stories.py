"""Draws a story: its sentences and its steps, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from subliminal.word_problems.sentences import (
    CONTAINERS,
    ENDINGS,
    EVENTS,
    OPENINGS,
    PEOPLE,
    PLACES,
    PLAIN_OPENINGS,
    QUESTIONS,
    THINGS,
    TOGETHER,
    Sentence,
)
from subliminal.word_problems.steps import LARGEST_START, Operator, Step, right_operands

SMALLEST_START = 4
_LARGEST_MULTIPLIED = 20
"""The largest start of an opening that multiplies."""
_WEIGHTS: dict[Operator, int] = {"+": 3, "-": 3, "*": 2, "/": 2}
"""How often each operation is drawn where all can be done."""
_TOGETHER = 0.5
"""How often two people's numbers are added, where that can be asked."""
_OPENING = 0.3
"""How often an opening takes a step already."""


@dataclass(frozen=True)
class Story:
    """A text that ends with a question, and the steps to its answer."""

    text: str
    steps: tuple[Step, ...]


def draw_story(random: Random, steps: int) -> Story:
    """Draw a story.

    Args:
        random: Where all choices come from.
        steps: How many steps its answer takes, 1 to 4.
    """
    return _Draft(random).written(steps)


class _Draft:
    """A story being drawn."""

    def __init__(self, random: Random) -> None:
        box, boxes = random.choice(CONTAINERS)
        self._random = random
        self._cast = random.sample(PEOPLE, len(PEOPLE))
        self._words = {"things": random.choice(THINGS), "box": box, "boxes": boxes}
        self._sentences: list[str] = []
        self._steps: list[Step] = []
        self._who, self._value = self._cast.pop(), 0
        self._before: tuple[str, int] | None = None
        """Who had which number before, if the last sentence handed over."""

    def written(self, steps: int) -> Story:
        question = self._open()
        while len(self._steps) < steps:
            question = self._go_on(is_last=len(self._steps) == steps - 1)
        question = question or self._filled(self._random.choice(QUESTIONS))
        return Story(" ".join([*self._sentences, question]), tuple(self._steps))

    def _open(self) -> str:
        if self._random.random() < _OPENING:
            sentence = self._random.choice(OPENINGS)
            largest = LARGEST_START if sentence.operator == "+" else _LARGEST_MULTIPLIED
            self._value = self._random.randint(SMALLEST_START, largest)
            return self._take(sentence, start=self._value)
        self._value = self._random.randint(SMALLEST_START, LARGEST_START)
        opening = self._random.choice(PLAIN_OPENINGS)
        self._sentences.append(self._filled(opening, start=self._value))
        return ""

    def _go_on(self, *, is_last: bool) -> str:
        """Add a sentence with a step; the question that it asks for, if any."""
        if is_last and self._before and self._random.random() < _TOGETHER:
            other, value = self._before
            smaller, larger = sorted((self._value, value))
            if smaller in right_operands(larger, "+"):
                return self._add_both(other, larger, smaller)
        known = (*EVENTS, *ENDINGS) if is_last else EVENTS
        possible = [op for op in _WEIGHTS if right_operands(self._value, op)]
        (operator,) = self._random.choices(possible, [_WEIGHTS[op] for op in possible])
        return self._take(self._one_of(known, operator))

    def _one_of(self, sentences: Sequence[Sentence], operator: Operator) -> Sentence:
        return self._random.choice([one for one in sentences if one.operator == operator])

    def _take(self, sentence: Sentence, **fields: int) -> str:
        """Write a sentence, take its step, and hand over if it does."""
        other = self._cast[-1]
        place, elsewhere = self._random.sample(PLACES, 2)
        operand = self._random.choice(right_operands(self._value, sentence.operator))
        named = {**fields, "n": operand, "other": other, "place": place, "elsewhere": elsewhere}
        self._sentences.append(self._filled(sentence.text, **named))
        question = self._filled(sentence.question)
        before = (self._who, self._value)
        self._step(sentence, operand, other)
        if "{other}" in sentence.text:
            self._cast.pop()
        self._before = before if sentence.hands_over else None
        if sentence.hands_over:
            self._who = other
        return question

    def _add_both(self, other: str, larger: int, smaller: int) -> str:
        self._value = larger
        self._step(TOGETHER, smaller, other)
        return self._filled(TOGETHER.question, other=other)

    def _step(self, sentence: Sentence, operand: int, other: str) -> None:
        claim = self._filled(sentence.claim, other=other)
        unit = self._filled(sentence.unit)
        step = Step(self._value, sentence.operator, operand, claim, unit)
        self._steps.append(step)
        self._value = step.result

    def _filled(self, template: str, **fields: object) -> str:
        return template.format(who=self._who, **self._words, **fields)
