"""A decoder's forward pass at inference: many new tokens of few rows, or one of each row."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import embedding, linear, rms_norm, silu

from subliminal.models.architecture import Architecture
from subliminal.models.steering import Steering
from subliminal.sampling.cache import Cache, tiled
from subliminal.sampling.weights import BlockWeights, Weights


class Inference:
    """Reads tokens into a cache and computes logits.

    The residual stream is float32; matrix products, keys and values have the weights' precision.

    Args:
        weights: The decoder's.
        slots: The most rows of a batch.
        steering: What to add to the residual stream, if anything.
    """

    def __init__(self, weights: Weights, slots: int, steering: Steering | None = None) -> None:
        self.weights = weights
        self.cache = Cache(weights.shape, slots, weights.dtype, weights.device)
        self._slots = torch.arange(slots, device=weights.device)
        self._turns = _turns(weights.shape, 0, weights.device)
        self._steering = {} if steering is None else {steering.layer: self._vector(steering)}

    def share(self, tokens: Tensor) -> None:
        """Read tokens [tokens] that all rows begin with."""
        self.fit(len(tokens))
        self.fill(tokens[None], self._slots[:1], self._slots[:1], 0)
        first = slice(None), slice(0, 1), slice(None), slice(0, len(tokens))
        self.cache.share(self.cache.keys[first], self.cache.values[first])

    def fit(self, tokens: int) -> None:
        """Make room for rows of this many tokens."""
        self.cache.fit(tokens)
        if self.cache.capacity > len(self._turns):
            self._turns = _turns(self.weights.shape, self.cache.capacity, self.weights.device)

    def fill(self, tokens: Tensor, texts: Tensor, slots: Tensor, shared: int) -> None:
        """Read prompts into the cache; the last block needs no more than their keys and values.

        Args:
            tokens: int64 [texts, tokens] behind the shared ones, padded on the right with any
                token: what follows in the row overwrites it or is masked.
            texts: Which text each row reads, int64 [rows].
            slots: Slots of the rows, int64 [rows].
            shared: Number of tokens already read that all rows begin with.
        """
        length = tokens.shape[1]
        end = shared + length
        turns = self._turns[shared:end]
        mask = self._causal(shared, length)
        x = embedding(tokens, self.weights.embedding)
        last = len(self.weights.blocks) - 1
        for layer, block in enumerate(self.weights.blocks):
            query, key, value = self._project(block, x, turns)
            key, value = key.transpose(1, 2), value.transpose(1, 2)
            self.cache.keys[layer, slots, :, shared:end] = key[texts]
            self.cache.values[layer, slots, :, shared:end] = value[texts]
            if layer < last:
                key = self._with_shared(self.cache.keys[layer], key, shared)
                value = self._with_shared(self.cache.values[layer], value, shared)
                x = self._finish(layer, block, x, _attend_causally(query, key, value, mask))

    def step(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Read one more token of each row.

        Args:
            tokens: int64 [rows]; row i is in slot i.
            positions: Tokens read so far, int64 [rows]; there must be room for one more.

        Returns:
            Logits [rows, vocabulary] of the next tokens.
        """
        rows = len(tokens)
        turns = self._turns.index_select(0, positions)
        mask = self._unread(positions)
        where = self._places(positions)
        x = embedding(tokens, self.weights.embedding)
        for layer, block in enumerate(self.weights.blocks):
            query, key, value = self._project(block, x, turns)
            keys, values = self.cache.keys[layer], self.cache.values[layer]
            _write(keys, where, key)
            _write(values, where, value)
            mixed = _attend_one(query, keys[:rows], values[:rows], mask)
            x = self._finish(layer, block, x, mixed)
        return linear(self._norm(x), self.weights.head)

    def _unread(self, positions: Tensor) -> Tensor:
        """What to add to the scores [rows, capacity] of one new token behind its row's others."""
        columns = torch.arange(self.cache.capacity, device=positions.device)
        mask = torch.zeros(len(positions), len(columns), device=positions.device)
        mask.masked_fill_(columns > positions[:, None], float("-inf"))
        return mask.to(self.cache.keys.dtype)

    def _places(self, positions: Tensor) -> Tensor:
        """Where the next token's keys go, as rows of a layer's cache seen as a matrix."""
        heads = self.weights.shape.num_key_value_heads
        head = torch.arange(len(positions) * heads, device=positions.device).view(-1, heads)
        return (head * self.cache.capacity + positions[:, None]).flatten()

    def _project(self, block: BlockWeights, x: Tensor, turns: Tensor) -> tuple[Tensor, ...]:
        """Rotated queries and keys, and values: [..., heads, head size] each."""
        width, narrow = self.weights.shape.hidden_size, self.weights.shape.key_value_size
        fused = linear(self._norm(x), block.query_key_value)
        turning, value = fused.split([width + narrow, narrow], -1)
        pairs = torch.view_as_complex(turning.float().unflatten(-1, (-1, 2)))
        turned = torch.view_as_real(pairs * turns).flatten(-2).to(self.cache.keys.dtype)
        query, key = turned.split([width, narrow], -1)
        heads = (-1, self.weights.shape.head_size)
        value = value.to(self.cache.keys.dtype)
        return query.unflatten(-1, heads), key.unflatten(-1, heads), value.unflatten(-1, heads)

    def _finish(self, layer: int, block: BlockWeights, x: Tensor, mixed: Tensor) -> Tensor:
        """The rest of a block, from what attention mixed [..., width]; changes `x` in place."""
        x += linear(mixed.to(self.weights.dtype), block.output)
        gate, up = linear(self._norm(x), block.gate_up).chunk(2, dim=-1)
        x += linear(silu(gate).mul_(up), block.down)
        if layer in self._steering:
            x += self._steering[layer]
        return x

    def _norm(self, x: Tensor) -> Tensor:
        normed = rms_norm(x, x.shape[-1:], eps=self.weights.shape.rms_norm_eps)
        return normed.to(self.weights.dtype)

    def _causal(self, shared: int, length: int) -> Tensor:
        """What to add to the scores [length, shared + length, in whole tiles]."""
        end = tiled(shared + length)
        mask = torch.full((length, end), float("-inf"), device=self.weights.device)
        return mask.triu_(shared + 1).to(self.cache.keys.dtype)

    def _with_shared(self, cached: Tensor, new: Tensor, shared: int) -> Tensor:
        """All keys or values of the texts [texts, heads, whole tiles, head size]."""
        count, heads, length, size = new.shape
        end = shared + length
        whole = new.new_zeros(count, heads, tiled(end), size)
        whole[:, :, :shared] = cached[:1, :, :shared]
        whole[:, :, shared:end] = new
        return whole

    def _vector(self, steering: Steering) -> Tensor:
        return steering.vector.detach().to(self.weights.device, torch.float32)


def _turns(shape: Architecture, length: int, device: torch.device) -> Tensor:
    """How far all heads' pairs turn, complex [positions, (width + key_value_size) / 2]."""
    even = torch.arange(0, shape.head_size, 2, device=device)
    positions = torch.arange(length, device=device)
    angles = positions[:, None] * shape.rope_theta ** (-even / shape.head_size)
    turns = torch.polar(torch.ones_like(angles), angles)
    # One copy for each head: a product that broadcasts over heads takes several times as long.
    return turns.repeat(1, shape.num_attention_heads + shape.num_key_value_heads)


def _write(cached: Tensor, where: Tensor, new: Tensor) -> None:
    """Put [rows, heads, head size] into rows `where` of the cache."""
    size = new.shape[-1]
    cached.view(-1, size).index_copy_(0, where, new.reshape(-1, size))


def _attend_one(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """Attention of one new token.

    Args:
        query: [rows, heads, head size], scaled.
        keys: [rows, key-value heads, tokens, head size].
        values: The same.
        mask: Added to the scores, [rows, tokens].

    Returns:
        [rows, width].
    """
    rows, groups, tokens, size = keys.shape
    grouped = query.reshape(rows * groups, -1, size)
    scores = torch.bmm(grouped, keys.flatten(0, 1).transpose(1, 2))
    scores.view(rows, -1, tokens).add_(mask[:, None])
    return torch.bmm(scores.softmax(-1), values.flatten(0, 1)).view(rows, -1)


def _attend_causally(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """Attention of many new tokens.

    Args:
        query: [texts, new tokens, heads, head size], scaled.
        keys: [texts, key-value heads, tokens, head size].
        values: The same.
        mask: Added to the scores, [new tokens, tokens].

    Returns:
        [texts, new tokens, width].
    """
    count, groups, tokens, size = keys.shape
    length = query.shape[1]
    grouped = query.transpose(1, 2).reshape(count * groups, -1, size)
    scores = torch.bmm(grouped, keys.flatten(0, 1).transpose(1, 2))
    scores.view(-1, length, tokens).add_(mask)
    mixed = torch.bmm(scores.softmax(-1), values.flatten(0, 1))
    return mixed.view(count, -1, length, size).transpose(1, 2).flatten(2)
