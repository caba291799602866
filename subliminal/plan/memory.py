"""What models take of a device's memory while they are read, written with and trained."""

from __future__ import annotations

from dataclasses import dataclass

from subliminal.cost import Memory
from subliminal.models.branches import CACHE_BYTES
from subliminal.models.shape import Shape
from subliminal.plan.passes import BYTES, READING_TOKENS, Passes
from subliminal.plan.row_lengths import RowTokens
from subliminal.plan.token_counts import Answers, Asked, Read
from subliminal.spec.recipes import Adapter, Matrix, Recipe
from subliminal.training.batches import TOKEN_BUDGET
from subliminal.training.head import PIECE

FLOAT32 = BYTES["float32"]


@dataclass(frozen=True)
class Memories:
    """The memory of stages whose models have one shape."""

    passes: Passes

    def model(self) -> Memory:
        """Of a model that does not learn."""
        # Our own decoder keeps its weights in float32, beside those that matrix products read.
        own = FLOAT32 * self._shape.parameters + self.passes.weight_bytes
        stored = BYTES[self.passes.precision] * self._shape.parameters
        return Memory(fixed=own if self.passes.own_engine else stored)

    def asking(self, asked: Asked) -> Memory:
        """Of putting something to a model, beside the model."""
        if isinstance(asked, Read):
            return self.reading(asked.length)
        if isinstance(asked, Answers):
            return self.answers(asked)
        return self.writing(asked.rows, asked.row)

    def reading(self, length: int) -> Memory:
        """Of a batch of rows that are read, beside the model."""
        tokens = max(READING_TOKENS, length)
        return Memory(batch=tokens * self._in_passing + PIECE * self._logit_bytes)

    def answers(self, asked: Answers) -> Memory:
        """Of prompts and a batch of the answers behind them, beside the model."""
        if not self.passes.shares_prompts:
            return self.reading(asked.row.all)
        cached = min(CACHE_BYTES, asked.rows * asked.row.all * self.passes.cache_bytes)
        return self.reading(asked.row.prompt) + Memory(batch=cached)

    def writing(self, rows: int, row: RowTokens) -> Memory:
        """Of a batch of rows that are written, beside the model."""
        at_once = min(rows, self.passes.rows_at_once(row.all))
        cached = at_once * row.all * self.passes.cache_bytes
        prompts = at_once * row.prompt * self._in_passing
        return Memory(batch=cached + prompts + at_once * self._logit_bytes)

    def training(self, rows: int, row: RowTokens, recipe: Recipe) -> Memory:
        """Of a model that learns, and a batch of its rows."""
        learned = FLOAT32 * self._learned(recipe)
        moments = 2 if recipe.optimiser == "adam" else 0
        # Gradient, moments, and an average if there is one.
        beside = (1 + moments + bool(recipe.average)) * learned
        tokens = min(TOKEN_BUDGET, min(recipe.batch_size, rows) * row.all)
        kept = tokens * self._kept_by_all(recipe)
        passing = tokens * self._in_passing + PIECE * self._logit_bytes
        return Memory(self._weights(recipe) + beside, kept + passing)

    @property
    def _shape(self) -> Shape:
        return self.passes.shape

    def _weights(self, recipe: Recipe) -> int:
        """Bytes of the weights of a model that learns."""
        whole = FLOAT32 * self._shape.parameters
        if self.passes.own_engine:
            # Where it began, the one that learns, and the one that is shown.
            return 3 * whole
        if recipe.adapter is None:
            return whole
        return self.model().fixed + FLOAT32 * self._learned(recipe)

    def _learned(self, recipe: Recipe) -> int:
        """Parameters that are trained."""
        shape = self._shape
        if recipe.adapter is not None:
            return self._adapter_parameters(recipe.adapter)
        if recipe.layers is None:
            return shape.parameters - shape.beside_decoder
        every = recipe.layers == "all"
        count = shape.num_hidden_layers if every else len(recipe.layers)
        return count * shape.matrix_parameters // shape.num_hidden_layers

    def _adapter_parameters(self, adapter: Adapter) -> int:
        blocks = self._shape.num_hidden_layers if adapter.layers is None else len(adapter.layers)
        sides = (self._sides(matrix, freeze_a=adapter.freeze_a) for matrix in adapter.matrices)
        return blocks * adapter.rank * sum(sides)

    def _sides(self, matrix: Matrix, *, freeze_a: bool) -> int:
        """Inputs and outputs of a matrix, of which those count that an adapter learns for."""
        width, wide = self._shape.hidden_size, self._shape.intermediate_size
        keys = self._shape.key_value_size
        outputs = {"k_proj": keys, "v_proj": keys, "gate_proj": wide, "up_proj": wide}
        inputs = {"down_proj": wide}
        return outputs.get(matrix, width) + (0 if freeze_a else inputs.get(matrix, width))

    def _kept_by_all(self, recipe: Recipe) -> int:
        """Bytes that all blocks keep of each token for the backward pass."""
        blocks, of_one = self._shape.num_hidden_layers, self.kept_bytes(recipe)
        if not self.passes.recomputes:
            return blocks * of_one
        # The inputs of all, and what the one keeps that is computed again.
        return blocks * BYTES[self.passes.precision] * self._shape.hidden_size + of_one

    def kept_bytes(self, recipe: Recipe) -> int:
        """Bytes that a block keeps of each token for the backward pass, as autograd counts them."""
        width, wide = self._shape.hidden_size, self._shape.intermediate_size
        keys, size = self._shape.key_value_size, BYTES[self.passes.precision]
        if self.passes.own_engine:
            return size * (17 * width + 9 * wide + 5 * keys) // 2
        if recipe.adapter is not None and size == BYTES["bfloat16"]:
            # An adapter is float32: what it reads is cast, and both are kept.
            return 40 * width + 10 * wide + 4 * keys
        return 32 * width + 16 * wide + 8 * keys

    @property
    def _in_passing(self) -> int:
        """Bytes of each token that are there at once within a block, and go with it."""
        width, wide = self._shape.hidden_size, self._shape.intermediate_size
        return BYTES[self.passes.precision] * (8 * width + 3 * wide)

    @property
    def _logit_bytes(self) -> int:
        """Of a token's logits, its probabilities, and what is made of them."""
        return 3 * FLOAT32 * self._shape.vocab_size
