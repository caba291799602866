"""What a sampling engine is asked for and what it answers, in tokens."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from subliminal.errors import UserError

COLDEST = 1e-3
"""Below it logits overflow when divided by the temperature; 0 is what was meant."""


@dataclass(frozen=True)
class Sampling:
    """How completions are drawn.

    Raises:
        UserError: A value is out of its range.
    """

    max_tokens: int
    """The most tokens of a completion."""
    end_tokens: tuple[int, ...] = ()
    """Tokens that end a completion."""
    temperature: float = 1.0
    """Logits are divided by it; 0 takes the likeliest token, the first of equals."""
    top_p: float = 1.0
    """Draw from the smallest set of likeliest tokens that holds this much probability; of equally
    likely tokens the first come first."""

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise UserError(f"max_tokens: {self.max_tokens} is less than one; ask for a token")
        if self.temperature != 0 and not COLDEST <= self.temperature < math.inf:
            raise UserError(
                f"temperature: {self.temperature} is neither 0 nor at least {COLDEST}; "
                "choose 0 for the likeliest token"
            )
        if not 0 < self.top_p <= 1:
            raise UserError(f"top_p: {self.top_p} is not above 0 and at most 1; choose 1 for all")


@dataclass(frozen=True)
class Request:
    """A prompt to complete, and the seed of its completion."""

    tokens: np.ndarray
    """Token ids [tokens] of the prompt."""
    seed: int
    """Of the row; 64 bits of it count."""


@dataclass(frozen=True)
class Completion:
    """What was drawn for one request."""

    index: int
    """Place of its request in what was asked for."""
    tokens: np.ndarray
    """int32 token ids [tokens], with the end token if it came."""
    finished: bool
    """Whether an end token came; else the tokens or positions ran out."""
    logprobs: np.ndarray | None = None
    """float32 [tokens], where asked for: the log-probability of each token under the model itself
    (temperature 1, all tokens allowed)."""


class Sampler(Protocol):
    """An engine that completes prompts."""

    def sample(self, requests: Sequence[Request], settings: Sampling) -> Iterator[Completion]:
        """Complete every request once.

        Args:
            requests: What to complete. A completion depends on its own request alone.
            settings: How to draw.

        Yields:
            Completions, each as soon as it is known, in any order.

        Raises:
            UserError: A request cannot be completed; raised at the call, before any work.
            StageError: The model's logits are not numbers.
        """
        ...
