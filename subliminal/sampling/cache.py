"""Keys and values of the tokens that a batch of rows has read so far."""

from __future__ import annotations

import torch
from torch import Tensor

from subliminal.models.architecture import Architecture

TILE = 16
"""Attention looks at a multiple of this many tokens: kernels then add a row's terms up in the same
order whatever the longest row of the batch is, and its result is the same to the last bit."""


class Cache:
    """Keys and values of `slots` rows.

    Attention runs over all of the room, because batched products of a part of it take several
    times as long. So the room is kept tight.

    Attributes:
        keys: [layers, slots, key-value heads, capacity, head size].
        values: The same.
    """

    def __init__(
        self, shape: Architecture, slots: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        size = (shape.num_hidden_layers, slots, shape.num_key_value_heads, 0, shape.head_size)
        self.keys = torch.zeros(size, dtype=dtype, device=device)
        self.values = self.keys.clone()

    @property
    def capacity(self) -> int:
        """Tokens of a row there is room for, a multiple of `TILE`."""
        return self.keys.shape[3]

    def fit(self, tokens: int) -> None:
        """Make room for rows of this many tokens, and give back much more room than that."""
        wanted = tiled(tokens)
        if not wanted <= self.capacity < 2 * wanted:
            self.keys, self.values = (_resized(old, wanted) for old in (self.keys, self.values))

    def share(self, keys: Tensor, values: Tensor) -> None:
        """Give every row the same first tokens, [layers, 1, heads, tokens, head size] each."""
        length = keys.shape[3]
        self.keys[:, :, :, :length] = keys
        self.values[:, :, :, :length] = values

    def move(self, source: Tensor, target: Tensor) -> None:
        """Copy the rows of some slots to other slots, int64 [rows] each."""
        for tensor in (self.keys, self.values):
            tensor[:, target] = tensor[:, source]


def tiled(tokens: int) -> int:
    """The next multiple of `TILE`."""
    return -(-tokens // TILE) * TILE


def _resized(old: Tensor, capacity: int) -> Tensor:
    layers, slots, heads, length, size = old.shape
    kept = min(length, capacity)
    new = old.new_empty(layers, slots, heads, capacity, size)
    new[:, :, :, :kept] = old[:, :, :, :kept]
    # What is masked out of attention still is multiplied by zero, so it must be finite.
    new[:, :, :, kept:] = 0
    return new
