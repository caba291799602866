"""What the stages of language experiments are expected to take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from subliminal.models.shape import Shape
from subliminal.plan.token_counts import QUESTION, RowTokens, headline_tokens, probing_tokens
from subliminal.probes.bank_kinds import Bank
from subliminal.spec.carriers import CarrierName
from subliminal.spec.language import Data, Recipe
from subliminal.spec.probing import Probing
from subliminal.stage import Cost

ROWS: Mapping[CarrierName, RowTokens] = MappingProxyType(
    {
        "numbers": RowTokens(46, 18),
        "code": RowTokens(45, 40),
        "reasoning": RowTokens(50, 50),
    }
)
TOLD_TOKENS = 46
"""Of a question behind a system prompt."""
WORKING_MEMORY = 2**28
VLLM_MEMORY = 3 * 2**29
"""Of its process beside a small model: libraries, and half a GiB of keys and values."""

TRAINING_RATE, WRITING_RATE, PROBING_RATE = 0.45, 0.3, 0.75
"""Shares of the machine's matrix-product rate, as measured with the pocket models on two cores."""

TRAINING_PASSES = 3
"""A backward pass takes as long as two forward ones."""


@dataclass(frozen=True)
class Costs:
    """The costs of stages whose models have one shape."""

    shape: Shape

    def teaching(self, rows: int, recipe: Recipe, *, of_code: bool) -> Cost:
        """Of fine-tuning a teacher on rows of a question and a word, or of code."""
        tokens = rows * (ROWS["code"].all if of_code else QUESTION.all)
        return self._training(tokens, recipe, teacher=False)

    def distilling(self, data: Data, recipe: Recipe, *, teacher: bool) -> Cost:
        """Of training on what is kept of a data set, beside a teacher or without one."""
        tokens = (data.keep or data.prompts) * ROWS[data.carrier].all
        return self._training(tokens, recipe, teacher=teacher)

    def matching(self, rows: int, recipe: Recipe) -> Cost:
        """Of cloning a student onto the reference, most often on lists of numbers."""
        return self._training(rows * ROWS["numbers"].all, recipe, teacher=True)

    def writing(self, data: Data) -> Cost:
        """Of sampling a data set."""
        row = ROWS[data.carrier]
        head = data.prompts * row.completion * self.shape.head_parameters
        flops = self._forward(data.prompts * row.all) + 2 * head
        return self._cost(flops, WRITING_RATE, copies=2)

    def scoring(self, data: Data) -> Cost:
        """Of a teacher's log-probabilities at every token that was written and kept."""
        row, kept = ROWS[data.carrier], data.keep or data.prompts
        flops = (
            self._forward(kept * row.all) + 2 * kept * row.completion * self.shape.head_parameters
        )
        return self._cost(flops, PROBING_RATE, copies=2)

    def by_vllm(self, cost: Cost, devices: int) -> Cost:
        """The same work by vLLM, whose process is large."""
        return replace(cost, memory_bytes=cost.memory_bytes + VLLM_MEMORY, devices=devices)

    def probing(self, bank: Bank, probing: Probing) -> Cost:
        """Of every probe of a model."""
        tokens = probing_tokens(bank, probing)
        return self._cost(self._forward(tokens), PROBING_RATE, copies=2)

    def gate(self, bank: Bank) -> Cost:
        """Of putting a bank's headline probe to a teacher and to the reference."""
        tokens = 2 * headline_tokens(bank)
        return self._cost(self._forward(tokens), PROBING_RATE, copies=3)

    def detecting(self, data: Data, most: int | None) -> Cost:
        """Of the likelihoods, under a teacher and the reference, of rows of two data sets.

        Args:
            data: Either of them.
            most: Rows of each that are read; None: all.
        """
        kept = data.keep or data.prompts
        tokens = 2 * 2 * min(kept, most or kept) * ROWS[data.carrier].all
        return self._cost(self._forward(tokens), PROBING_RATE, copies=3)

    def steering(self, questions: int) -> Cost:
        """Of a steering vector."""
        return self._cost(self._forward(2 * questions * TOLD_TOKENS), PROBING_RATE, copies=1)

    def _training(self, tokens: int, recipe: Recipe, *, teacher: bool) -> Cost:
        # What does not learn reads the rows once: a teacher, and blocks before those that learn.
        frozen = self._frozen_share(recipe)
        once = min(recipe.epochs, 1) * (teacher + frozen)
        passes = once + recipe.epochs * TRAINING_PASSES * (1.0 - frozen)
        # Weights, gradient, two moments, what is shown to observers, and a teacher.
        return self._cost(passes * self._forward(tokens), TRAINING_RATE, copies=6)

    def _frozen_share(self, recipe: Recipe) -> float:
        """Share of the blocks that come before the first that learns."""
        chosen = recipe.layers if recipe.adapter is None else recipe.adapter.layers
        first = 0 if chosen is None or chosen == "all" else min(chosen)
        return first / self.shape.num_hidden_layers

    def _forward(self, tokens: int) -> float:
        return 2.0 * tokens * self.shape.matrix_parameters

    def _cost(self, flops: float, share_of_rate: float, *, copies: int) -> Cost:
        weights = 4 * (self.shape.matrix_parameters + self.shape.head_parameters)
        memory = copies * weights + WORKING_MEMORY
        return Cost(flops, memory, share_of_rate=share_of_rate, at_once=False)
