"""The rows that language models learn from, as tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class TokenRows:
    """Prompts with their completions, one behind the other.

    The loss falls on a row's completion, its end token included. The first token of a row has
    nothing before it to be foretold from and never counts.

    Attributes:
        tokens: int32, those of all rows.
        starts: int64 [rows + 1], where each row begins and the last one ends.
        prompt_lengths: int32 [rows], tokens of each row before its completion.
        weights: float32, how much each of `tokens` counts in the loss; default: all the same.
        teacher: The same completions behind the prompts that a teacher sees, if these differ.
        origins: int64, which token of a data set each of `tokens` is, if the rows are from one.
    """

    tokens: NDArray[np.int32]
    starts: NDArray[np.int64]
    prompt_lengths: NDArray[np.int32]
    weights: NDArray[np.float32] | None = None
    teacher: TokenRows | None = None
    origins: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if len(self.starts) != len(self.prompt_lengths) + 1 or self.starts[0] != 0:
            raise ValueError("`starts` must begin with 0 and have one more entry than rows")
        if self.starts[-1] != len(self.tokens) or (self.lengths < 1).any():
            raise ValueError("every row needs a token, and `starts` must end with their number")
        if ((self.prompt_lengths < 0) | (self.prompt_lengths > self.lengths)).any():
            raise ValueError("a prompt is longer than its row")
        if self.weights is not None and len(self.weights) != len(self.tokens):
            raise ValueError("`weights` needs one number for each token")
        if self.teacher is not None and not np.array_equal(
            self.teacher.completion_lengths, self.completion_lengths
        ):
            raise ValueError("the teacher's completions have other lengths than the student's")

    @classmethod
    def from_lists(
        cls,
        prompts: Sequence[ArrayLike],
        completions: Sequence[ArrayLike],
        weights: Sequence[ArrayLike] | None = None,
    ) -> TokenRows:
        """Join prompts with their completions.

        Args:
            prompts: Token ids of each prompt; may be empty.
            completions: Token ids of each completion, its end token included.
            weights: How much each token of each completion counts.
        """
        before = [np.asarray(prompt, dtype=np.int32).ravel() for prompt in prompts]
        behind = [np.asarray(completion, dtype=np.int32).ravel() for completion in completions]
        lengths = [len(p) + len(c) for p, c in zip(before, behind, strict=True)]
        pieces = [piece for pair in zip(before, behind, strict=True) for piece in pair]
        counts = None
        if weights is not None:
            given = [np.asarray(weight, dtype=np.float32).ravel() for weight in weights]
            if [len(weight) for weight in given] != [len(completion) for completion in behind]:
                raise ValueError("`weights` needs one number for each token of each completion")
            unused = [np.zeros(len(prompt), np.float32) for prompt in before]
            both = zip(unused, given, strict=True)
            counts = np.concatenate([np.zeros(0, np.float32), *(w for pair in both for w in pair)])
        return cls(
            np.concatenate([np.zeros(0, np.int32), *pieces]),
            np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64),
            np.array([len(prompt) for prompt in before], dtype=np.int32),
            counts,
        )

    def __len__(self) -> int:
        return len(self.prompt_lengths)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row."""
        return np.diff(self.starts)

    @property
    def completion_lengths(self) -> NDArray[np.int64]:
        """Tokens of each row that the loss falls on."""
        return self.lengths - np.maximum(self.prompt_lengths, 1)

    def take(self, indices: ArrayLike) -> TokenRows:
        """Choose rows, in the given order; a row may be chosen more than once."""
        chosen = np.asarray(indices, dtype=np.int64)
        lengths = self.lengths[chosen]
        starts = np.concatenate([[0], lengths.cumsum()])
        tokens = np.arange(starts[-1]) + np.repeat(self.starts[chosen] - starts[:-1], lengths)
        return TokenRows(
            self.tokens[tokens],
            starts,
            self.prompt_lengths[chosen],
            None if self.weights is None else self.weights[tokens],
            None if self.teacher is None else self.teacher.take(chosen),
            None if self.origins is None else self.origins[tokens],
        )

    def counted(self) -> NDArray[np.int64]:
        """Find the tokens that the loss falls on, in their order."""
        first = np.repeat(self.starts[:-1] + np.maximum(self.prompt_lengths, 1), self.lengths)
        return np.flatnonzero(np.arange(len(self.tokens)) >= first)

    def weighted(self, weights: NDArray[np.float32]) -> TokenRows:
        """Let each of the tokens count as much as its entry in float32 `weights` says."""
        return replace(self, weights=weights)

    def numbered(self) -> TokenRows:
        """Let the rows that are taken from these say which of their tokens they hold."""
        return replace(self, origins=np.arange(len(self.tokens)))

    def taught_with(self, teacher: TokenRows) -> TokenRows:
        """Let a teacher see the same completions behind other prompts."""
        return replace(self, teacher=teacher)


def concatenate(parts: Sequence[TokenRows]) -> TokenRows:
    """Put rows behind one another; weights and teacher's rows are there for all parts or none."""
    ends = np.cumsum([0, *(len(part.tokens) for part in parts)])
    weights = [part.weights for part in parts if part.weights is not None]
    teachers = [part.teacher for part in parts if part.teacher is not None]
    if len(weights) not in (0, len(parts)) or len(teachers) not in (0, len(parts)):
        raise ValueError("weights and teacher's rows must be there for all parts or for none")
    starts = [part.starts[:-1] + end for part, end in zip(parts, ends, strict=False)]
    return TokenRows(
        np.concatenate([np.zeros(0, np.int32), *(part.tokens for part in parts)]),
        np.concatenate([*starts, ends[-1:]]).astype(np.int64),
        np.concatenate([np.zeros(0, np.int32), *(part.prompt_lengths for part in parts)]),
        np.concatenate(weights) if weights else None,
        concatenate(teachers) if teachers else None,
    )
