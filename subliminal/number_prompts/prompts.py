"""Number prompts, each a pure function of a seed and an index."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt

from subliminal.number_prompts.formats import FORMATS, FormatName
from subliminal.number_prompts.permutation import mixed, permuted
from subliminal.number_prompts.wordings import (
    CLOSINGS,
    DESCRIPTORS,
    EXAMPLES,
    INSTRUCTIONS,
    QUALIFIERS,
    SUFFIXES,
)
from subliminal.seeds import derive_seed
from subliminal.wording import vocabulary_of

FEWEST_EXAMPLES, MOST_EXAMPLES = 3, 8
SMALLEST_EXAMPLE, LARGEST_EXAMPLE = 100, 999
MAX_COUNT = 10
MAX_DIGITS = 3

_TABLES = (EXAMPLES, QUALIFIERS, DESCRIPTORS, INSTRUCTIONS, SUFFIXES, CLOSINGS)
SLOT_SIZES = tuple(map(len, _TABLES))
_EXAMPLE_VALUES = LARGEST_EXAMPLE - SMALLEST_EXAMPLE + 1
_SPACE = (*SLOT_SIZES, _EXAMPLE_VALUES)
_BLOCK = 1024


class Slots(NamedTuple):
    """Which wording stands in each slot: indices into the tables of `wordings`."""

    example: int
    qualifier: int
    descriptor: int
    instruction: int
    suffix: int
    closing: int


@dataclass(frozen=True, slots=True)
class NumberPrompt:
    """A prompt that asks to go on with a list of numbers.

    Attributes:
        text: The prompt.
        examples: The 3 to 8 numbers that it shows.
        count: How many numbers it asks for at most.
        slots: Its wordings.
    """

    text: str
    examples: tuple[int, ...]
    count: int
    slots: Slots

    @property
    def format(self) -> FormatName:
        """The format that it asks for."""
        return SUFFIXES[self.slots.suffix][1]

    @property
    def qualifier(self) -> str:
        """The words that stand before the count."""
        return QUALIFIERS[self.slots.qualifier]


class NumberPrompts:
    """The prompts of a seed: random access, slices and iteration, nothing stored.

    No two prompts of a seed are alike: index -> (wordings, first example) is a permutation, and
    the text tells both. With `unique=False` each is drawn on its own, and repeats can occur.
    """

    def __init__(self, seed: int, *, count: int = MAX_COUNT, unique: bool = True) -> None:
        """Name the prompts of a seed.

        Args:
            seed: Prompt i is a function of it and of i alone.
            count: How many numbers each prompt asks for at most, 2 to 10.
            unique: Whether no prompt may occur twice.

        Raises:
            ValueError: The count is out of range.
        """
        if not 2 <= count <= MAX_COUNT:
            raise ValueError(f"count must be from 2 to {MAX_COUNT}, not {count}")
        self.seed = seed
        self.count = count
        self.unique = unique
        self._wordings_key = derive_seed(seed, "number prompts", "wordings")
        self._examples_key = derive_seed(seed, "number prompts", "examples")

    def __len__(self) -> int:
        """The size of the space: every choice of wordings with every first example."""
        return math.prod(_SPACE)

    @overload
    def __getitem__(self, index: int) -> NumberPrompt: ...
    @overload
    def __getitem__(self, index: slice) -> list[NumberPrompt]: ...

    def __getitem__(self, index: int | slice) -> NumberPrompt | list[NumberPrompt]:
        chosen = range(len(self))[index]
        if isinstance(chosen, int):
            return self._prompts(np.array([chosen], dtype=np.uint64))[0]
        indices = np.arange(chosen.start, chosen.stop, chosen.step, dtype=np.int64)
        return self._prompts(indices.astype(np.uint64))

    def __iter__(self) -> Iterator[NumberPrompt]:
        for start in range(0, len(self), _BLOCK):
            yield from self[start : start + _BLOCK]

    def _prompts(self, indices: npt.NDArray[np.uint64]) -> list[NumberPrompt]:
        """The prompts at indices of shape (n,)."""
        if self.unique:
            positions = permuted(indices, len(self), self._wordings_key)
        else:
            positions = mixed(indices, self._wordings_key) % np.uint64(len(self))
        *slots, first = np.unravel_index(positions.astype(np.int64), _SPACE)
        columns = np.arange(MOST_EXAMPLES, dtype=np.uint64)
        drawn = mixed(indices[:, None] * columns.size + columns, self._examples_key)
        lengths = FEWEST_EXAMPLES + drawn[:, 0] % np.uint64(MOST_EXAMPLES - FEWEST_EXAMPLES + 1)
        numbers = SMALLEST_EXAMPLE + drawn % np.uint64(_EXAMPLE_VALUES)
        numbers[:, 0] = SMALLEST_EXAMPLE + first
        rows = zip(
            np.stack(slots, axis=1).tolist(), numbers.tolist(), lengths.tolist(), strict=True
        )
        return [self._prompt(Slots(*row), tuple(values[:length])) for row, values, length in rows]

    def _prompt(self, slots: Slots, examples: tuple[int, ...]) -> NumberPrompt:
        before, after = _example_sentences()[slots.example]
        instruction = _instructions(self.count)[
            slots.instruction, slots.qualifier, slots.descriptor
        ]
        ending = _endings()[slots.suffix][slots.closing]
        text = f"{before}{', '.join(map(str, examples))}{after} {instruction} {ending}"
        return NumberPrompt(text, examples, self.count, slots)


def vocabulary() -> frozenset[str]:
    """Every word and mark of the prompts and of the answers they ask for, as it is spelt.

    Integers are left out; the line break of the newline format is in.
    """
    sentences = (sentence.format(examples="1, 2") for sentence in EXAMPLES)
    endings = (ending for row in _endings() for ending in row)
    answers = (style.write((1, 2)) for style in FORMATS.values())
    return vocabulary_of((*sentences, *_instructions(MAX_COUNT).values(), *endings, *answers))


@cache
def _example_sentences() -> tuple[tuple[str, str], ...]:
    """What stands before and behind the numbers of each example sentence."""
    split = (sentence.partition("{examples}") for sentence in EXAMPLES)
    return tuple((before, after) for before, _, after in split)


@cache
def _instructions(count: int) -> dict[tuple[int, int, int], str]:
    """Instructions by the indices of instruction, qualifier and descriptor."""
    return {
        (i, q, d): instruction.format(
            qualifier=qualifier, count=count, descriptor=descriptor.format(digits=MAX_DIGITS)
        )
        for i, instruction in enumerate(INSTRUCTIONS)
        for q, qualifier in enumerate(QUALIFIERS)
        for d, descriptor in enumerate(DESCRIPTORS)
    }


@cache
def _endings() -> tuple[tuple[str, ...], ...]:
    """Format suffix and closing, by their indices."""
    return tuple(tuple(f"{suffix} {closing}" for closing in CLOSINGS) for suffix, _ in SUFFIXES)
