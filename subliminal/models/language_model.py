"""What every causal language model offers, whatever engine computes it."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from subliminal.models.layout import Layout
from subliminal.models.shape import Shape
from subliminal.models.steering import Steering


class LanguageModel(Protocol):
    """A causal language model: a decoder of our own, or one that transformers computes."""

    @property
    def shape(self) -> Shape:
        """Its numbers."""

    @property
    def device(self) -> torch.device:
        """Where its inputs must be."""

    @property
    def blocks(self) -> nn.ModuleList:
        """Its blocks, the first one first."""

    @property
    def head(self) -> Tensor | None:
        """The output layer's matrix [vocabulary, width], where logits are its product with what it
        reads and nothing else; None where they are more."""

    def packed(
        self,
        tokens: Tensor,
        layout: Layout,
        *,
        dtype: torch.dtype = torch.float32,
        steering: Steering | None = None,
        reads: Tensor | None = None,
    ) -> Tensor:
        """What the output layer reads, for rows one behind the other.

        Args:
            tokens: int64 [tokens], those of all rows.
            layout: Where the rows are.
            dtype: Of matrix products.
            steering: A vector to add on the way.
            reads: int64 [places], the tokens behind which it is wanted; default: all.

        Returns:
            [tokens or places, width] in `dtype`.
        """

    def stream(
        self, tokens: Tensor, layout: Layout, block: int, *, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """What a block reads, for rows one behind the other.

        Args:
            tokens: int64 [tokens], those of all rows.
            layout: Where the rows are.
            block: Its index, from 0; the number of blocks for what stands behind the last.
            dtype: Of matrix products.

        Returns:
            [tokens, width].
        """

    def logits(self, hidden: Tensor) -> Tensor:
        """Float32 logits [..., vocabulary] of what the output layer reads [..., width]."""
