"""The likeliest tokens at some positions, and one bucket for all the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class TopLogprobs:
    """What is kept of a model's distributions: nothing of their mass is lost."""

    tokens: NDArray[np.int32]
    """[positions, top], the likeliest first."""
    logprobs: NDArray[np.float32]
    """[positions, top], in nats."""
    rest: NDArray[np.float32]
    """[positions], the logarithm of the probability of all other tokens together."""

    @classmethod
    def of(cls, tokens: NDArray[np.int32], logprobs: NDArray[np.float32]) -> TopLogprobs:
        """Find what is left for the rest, the same way whatever engine gave the others."""
        left = 1.0 - np.exp(logprobs.astype(np.float64)).sum(-1)
        with np.errstate(divide="ignore"):
            rest = np.log(np.maximum(left, 0.0))
        return cls(tokens, logprobs, rest.astype(np.float32))

    def __len__(self) -> int:
        return len(self.tokens)
