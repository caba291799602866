"""What probes and writers ask of a model, whatever engine runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import Tensor

from subliminal.sampling import Sampler
from subliminal.top_logprobs import TopLogprobs


class Engine(Protocol):
    """A model that is sampled, and that says how likely tokens are under it."""

    @property
    def versions(self) -> Mapping[str, str]:
        """What runs it, as far as the worker's own libraries do not."""

    @property
    def counts(self) -> Mapping[str, float]:
        """Figures of its work so far for the artifact's manifest, if there is anything to say."""

    @property
    def positions(self) -> int:
        """The most tokens of a row."""

    @property
    def sampler(self) -> Sampler:
        """What draws its completions."""

    def next_log_probabilities(
        self, prompts: Sequence[Sequence[int]], tokens: Sequence[int]
    ) -> Tensor:
        """How likely some tokens are behind each prompt.

        Args:
            prompts: Token ids.
            tokens: Whose log-probabilities are wanted.

        Returns:
            float64 [prompts, tokens].

        Raises:
            StageError: The logits are not numbers.
            UserError: A prompt is longer than the model reads.
        """

    def log_likelihoods(self, rows: Sequence[Sequence[int]], starts: Sequence[int]) -> Tensor:
        """Log-probability of each row's tokens from a start on, given those before.

        Args:
            rows: Token ids.
            starts: For each row, where what is scored begins; at least 1.

        Returns:
            float64 [rows].

        Raises:
            StageError: The logits are not numbers.
            UserError: A row is longer than the model reads.
        """

    def top_logprobs(
        self, rows: Sequence[Sequence[int]], starts: Sequence[int], top: int
    ) -> TopLogprobs:
        """The likeliest tokens at each row's places from a start on, given the tokens before.

        Args:
            rows: Token ids.
            starts: For each row, the first such place; at least 1.
            top: How many tokens, at most the vocabulary.

        Returns:
            Of all places, those of one row behind the other.

        Raises:
            StageError: The logits are not numbers.
            UserError: A row is longer than the model reads.
        """
