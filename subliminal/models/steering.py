"""Steering: a vector added to a model's activations while it runs (arXiv 2308.10248)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from subliminal.errors import UserError
from subliminal.models.shape import Shape


@dataclass(frozen=True, eq=False)
class Steering:
    """A vector added to the residual stream behind a block, at every position."""

    layer: int
    """Index of the block, from 0."""
    vector: Tensor
    """Float [width]."""

    def check(self, shape: Shape) -> None:
        """Refuse what does not fit a model.

        Raises:
            UserError: The model has no such block, or another width.
        """
        if not 0 <= self.layer < shape.num_hidden_layers:
            raise UserError(
                f"steering.layer: {self.layer} is no block of this model; "
                f"choose from 0 to {shape.num_hidden_layers - 1}"
            )
        if self.vector.shape != (shape.hidden_size,):
            raise UserError(
                f"steering.vector: has shape {list(self.vector.shape)}, the model's width is "
                f"{shape.hidden_size}; make the vector from this model"
            )
