"""What passes through a model take of a device: operations and traffic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from subliminal.cost import Work
from subliminal.machine import Precision
from subliminal.models.architecture import Architecture
from subliminal.models.branches import CACHE_BYTES
from subliminal.models.shape import Shape
from subliminal.plan.row_lengths import RowTokens
from subliminal.plan.token_counts import Answers, Asked, Read, Written
from subliminal.sampling.pretrained_sampler import rows_at_once
from subliminal.sampling.sampler import SLOTS
from subliminal.spec.recipes import Matrix, Recipe
from subliminal.training.batches import TOKEN_BUDGET
from subliminal.training.frozen import REMEMBERED_BYTES
from subliminal.training.recomputing import is_wanted

BYTES: dict[Precision, int] = {"float32": 4, "bfloat16": 2}
"""Of a number."""
PASSES_OF_BACKWARD = 2
"""A backward pass takes as long as two forward ones: one for what blocks read, one for weights."""
READING_TOKENS = 8192
"""Of a batch that probes read."""


@dataclass(frozen=True)
class Passes:
    """Passes through models of one shape."""

    shape: Shape
    precision: Precision
    """Of matrix products."""
    checkpointing: Literal["auto"] | bool = "auto"
    """Whether blocks are computed again for the backward pass; see `Resources`."""
    rows: int | None = None
    """That are written at once; None: as many as PyTorch's samplers take."""
    by_vllm: bool = False
    """Whether vLLM runs them; it reads a prompt anew with each answer to be scored."""

    @property
    def shares_prompts(self) -> bool:
        """Whether a prompt is read once for all answers behind it."""
        return not self.own_engine and not self.by_vllm

    @property
    def recomputes(self) -> bool:
        """Whether blocks that learn keep no more than their inputs."""
        return not self.own_engine and is_wanted(self.shape, self.checkpointing)

    @property
    def own_engine(self) -> bool:
        """Whether the decoder of our own runs it, on the processor; else transformers does."""
        return isinstance(self.shape, Architecture)

    @property
    def weight_bytes(self) -> int:
        """Of the weights as matrix products read them."""
        return BYTES[self.precision] * (self.shape.matrix_parameters + self.shape.head_parameters)

    @property
    def cache_bytes(self) -> int:
        """Of the keys and values of one token."""
        values = 2 * self.shape.key_value_size * self.shape.num_hidden_layers
        return BYTES[self.precision] * values

    def rows_at_once(self, length: int) -> int:
        """Rows of so many tokens that are written in a batch."""
        if self.rows is not None:
            return self.rows
        return SLOTS if self.own_engine else rows_at_once(self.shape, length, BYTES[self.precision])

    def loading(self) -> tuple[Work, ...]:
        """Of reading the files of a large model; a small one is there at once."""
        stored = BYTES[self.precision] * self.shape.parameters
        return () if self.own_engine else (Work(files=stored),)

    def asking(self, asked: Asked) -> tuple[Work, ...]:
        """Of putting something to a model."""
        if isinstance(asked, Read):
            return (self.reading(asked.rows, asked.length),)
        return self.answers(asked) if isinstance(asked, Answers) else self.writing(asked)

    def tokens(self, asked: Asked) -> int:
        """All that go through the model when something is put to it."""
        if isinstance(asked, Answers) and self.shares_prompts:
            return asked.shared
        return asked.tokens

    def reading(self, rows: int, length: int, scored: int = 1) -> Work:
        """Of forward passes over rows.

        Args:
            rows: How many.
            length: Tokens of each.
            scored: Tokens of each row that logits are wanted of.
        """
        tokens = rows * length
        return Work(
            flops=self._forward(tokens, length) + self._logits(rows * scored),
            traffic=self._traffic(tokens) + self._logit_traffic(rows * scored),
            blocks=self._blocks(tokens, READING_TOKENS),
        )

    def answers(self, asked: Answers) -> tuple[Work, ...]:
        """Of reading prompts, and answers behind them.

        What goes on from a prompt's keys and values copies them.
        """
        rows, row = asked.rows, asked.row
        if not self.shares_prompts:
            return (self.reading(rows, row.all, row.completion),)
        scored, shape, copies = row.completion - 1, self.shape, 5
        tokens, cached = rows * scored, rows * row.all * self.cache_bytes
        groups = max(cached / CACHE_BYTES, tokens / READING_TOKENS, 1.0)
        # A prompt whose answers do not fit one group is read with each.
        prompts = self.reading(max(asked.prompts, int(groups)), row.prompt)
        attention = 4.0 * tokens * row.prompt * shape.hidden_size * shape.num_hidden_layers
        behind = Work(
            flops=self._forward(tokens, scored) + attention + self._logits(tokens),
            traffic=self._traffic(tokens) + self._logit_traffic(tokens) + copies * cached,
            blocks=groups * shape.num_hidden_layers,
        )
        return replace(prompts, blocks=max(prompts.blocks, behind.blocks)), behind

    def writing(self, written: Written) -> tuple[Work, Work]:
        """Of reading prompts, and of writing behind them token by token.

        Each token reads all weights, though once for a batch, and the keys and values of its row.
        """
        rows, row = written.rows, written.row
        tokens, length = rows * row.completion, row.prompt + row.completion
        steps = tokens / max(1, min(rows, self.rows_at_once(length)))
        # Our own engine reads equal prompts once; transformers' cache is copied for each token.
        prompts, copies = (written.texts, 1) if self.own_engine else (rows, 3)
        shape = self.shape
        attention = 4.0 * tokens * length * shape.hidden_size * shape.num_hidden_layers
        one_by_one = Work(
            flops=2.0 * tokens * shape.matrix_parameters + attention + self._logits(tokens),
            operands=steps * self.weight_bytes,
            traffic=self._traffic(tokens)
            + 2 * self._logit_traffic(tokens)
            + copies * tokens * length * self.cache_bytes,
            blocks=steps * shape.num_hidden_layers,
        )
        return self.reading(prompts, row.prompt, scored=0), one_by_one

    def training(self, rows: int, row: RowTokens, recipe: Recipe) -> Work:
        """Of a training on rows, without a teacher."""
        tokens, epochs, frozen = rows * row.all, recipe.epochs, self.frozen_share(recipe)
        backward = 1 + self._share_with_gradients(recipe)
        ahead = self._passes_ahead(tokens, recipe) * frozen
        learning = epochs * (1.0 - frozen)
        forward = 2 if self.recomputes else 1
        scored = epochs * rows * row.completion
        whole = recipe.adapter is None and recipe.layers is None
        steps = epochs * -(-rows // recipe.batch_size)
        batch = min(recipe.batch_size, rows) * row.all
        return Work(
            flops=(ahead + learning * (forward + backward)) * self._forward(tokens, row.all)
            + (3 if whole else 2) * self._logits(scored),
            traffic=(ahead + learning * (forward + PASSES_OF_BACKWARD)) * self._traffic(tokens)
            + self._logit_traffic(scored),
            blocks=(forward + PASSES_OF_BACKWARD) * steps * self._blocks(batch, TOKEN_BUDGET),
        )

    def teacher(self, rows: int, row: RowTokens, recipe: Recipe) -> Work:
        """Of what a teacher makes of the rows that a student is trained on."""
        passes = min(recipe.epochs, 1) if self._remembers(rows * row.all) else recipe.epochs
        return self.reading(passes * rows, row.all, row.completion)

    def frozen_share(self, recipe: Recipe) -> float:
        """Share of the blocks that come before the first that learns."""
        chosen = recipe.layers if recipe.adapter is None else recipe.adapter.layers
        first = 0 if chosen is None or chosen == "all" else min(chosen)
        return first / self.shape.num_hidden_layers

    def _share_with_gradients(self, recipe: Recipe) -> float:
        """Share of the matrices, from the first block that learns on, whose gradient is computed.

        An adapter of transformers stands beside its matrix; one of our own is added to it.
        """
        adapter, blocks = recipe.adapter, self.shape.num_hidden_layers
        if adapter is not None and not self.own_engine:
            return 0.0
        chosen = recipe.layers if adapter is None else adapter.layers
        learning = blocks if chosen is None or chosen == "all" else len(chosen)
        of_block = 1.0 if adapter is None else self._share_of_block(adapter.matrices)
        return of_block * learning / (blocks * (1.0 - self.frozen_share(recipe)))

    def _share_of_block(self, matrices: Sequence[Matrix]) -> float:
        """Share that some of a block's matrices have in its parameters."""
        width, keys = self.shape.hidden_size, self.shape.key_value_size
        narrow = {"k_proj": keys, "v_proj": keys, "q_proj": width, "o_proj": width}
        found = sum(width * narrow.get(name, self.shape.intermediate_size) for name in matrices)
        return found * self.shape.num_hidden_layers / self.shape.matrix_parameters

    def _passes_ahead(self, tokens: int, recipe: Recipe) -> int:
        """How often rows pass the blocks before those that learn."""
        once = self.own_engine and self._remembers(tokens)
        return min(recipe.epochs, 1) if once else recipe.epochs

    def _remembers(self, tokens: int) -> bool:
        """Whether what a block makes of so many tokens is kept from epoch to epoch."""
        return tokens * self.shape.hidden_size * BYTES[self.precision] <= REMEMBERED_BYTES

    def _forward(self, tokens: float, length: int) -> float:
        """Operations of the blocks, in rows of a length."""
        attention = 2.0 * length * self.shape.hidden_size * self.shape.num_hidden_layers
        return tokens * (2.0 * self.shape.matrix_parameters + attention)

    def _logits(self, tokens: float) -> float:
        return 2.0 * tokens * self.shape.head_parameters

    def _traffic(self, tokens: float) -> float:
        """Bytes that norms, rotations, gates and sums move in a forward pass.

        Counted for the operators of transformers, one by one, in bfloat16; about as many for the
        decoder of our own in either precision, by measurement.
        """
        width = 7 * self.shape.hidden_size + self.shape.intermediate_size
        return 16.0 * tokens * width * self.shape.num_hidden_layers

    def _logit_traffic(self, tokens: float) -> float:
        """Bytes that logits, and probabilities made of them, move."""
        return 16.0 * tokens * self.shape.vocab_size

    def _blocks(self, tokens: float, at_once: int) -> float:
        """Blocks that batches of rows run one after the other."""
        return max(tokens / at_once, 1.0) * self.shape.num_hidden_layers if tokens else 0.0
