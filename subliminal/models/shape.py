"""The numbers of a language model's architecture that others reckon with."""

from __future__ import annotations

from typing import Protocol


class Shape(Protocol):
    """The numbers of an architecture that others reckon with."""

    @property
    def vocab_size(self) -> int:
        """Rows of the output layer."""

    @property
    def hidden_size(self) -> int:
        """Width of the residual stream."""

    @property
    def intermediate_size(self) -> int:
        """Width between the two layers of a block's perceptron."""

    @property
    def key_value_size(self) -> int:
        """Width of all keys, or all values, of a token in one block."""

    @property
    def num_hidden_layers(self) -> int:
        """Blocks."""

    @property
    def max_position_embeddings(self) -> int:
        """The most tokens of a row."""

    @property
    def matrix_parameters(self) -> int:
        """Parameters of the blocks' matrices, each used once for each token."""

    @property
    def head_parameters(self) -> int:
        """Parameters of the output layer, used once for each token whose logits are wanted."""

    @property
    def parameters(self) -> int:
        """All parameters; what the output layer shares with the embeddings counts once."""

    @property
    def beside_decoder(self) -> int:
        """Parameters of parts that see or hear: they lie in memory, and no row of text comes by."""
