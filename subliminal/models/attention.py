"""Causal self-attention among the tokens of each row, with a backward pass by hand.

Rows are packed (:mod:`subliminal.models.layout`). Within a group of rows, queries, keys and values
are gathered into one buffer of heads, in this order: queries [k, rows, g, length, s], keys and
values [k, rows, length, s], for k key heads of size s that serve g query heads each. So every
product is one batched product, and one gather leads there and one back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from subliminal.models.architecture import Architecture
from subliminal.models.layout import Group, Integers, Layout


@dataclass(frozen=True, eq=False)
class GroupPlan:
    """Where a group's heads are found, and what their positions and masks are.

    Attributes:
        tokens: The group's part of the axis of tokens.
        pairs: Key heads x rows: the number of matrices in a batched product.
        length: Of the longest row.
        size: Of a head.
        queries: Heads of queries in the buffer; keys follow, then as many values.
        keys: Heads of keys in the buffer.
        take: int32, the place in [tokens x (h + 2 k)] of each head of the buffer.
        back: int32, the place in the buffer of each of [tokens x (h + 2 k)] heads.
        take_mixed: int32, the place in [tokens x h] of each query head of the buffer.
        back_mixed: int32, the place in the buffer of each of [tokens x h] heads.
        padding: int64, the query heads in the buffer that stand behind the end of a row.
        cosines: Scaled, [length, s].
        sines: Scaled, [length, s]; the first half negative.
        back_sines: Those of the way back, the second half negative.
        mask: [g x length, length], 0 where a token may look and else -infinity.
    """

    tokens: slice
    pairs: int
    length: int
    size: int
    queries: int
    keys: int
    take: Tensor
    back: Tensor
    take_mixed: Tensor
    back_mixed: Tensor
    padding: Tensor
    cosines: Tensor
    sines: Tensor
    back_sines: Tensor
    mask: Tensor


Plan = tuple[GroupPlan, ...]


def make_plan(
    shape: Architecture, layout: Layout, dtype: torch.dtype, device: torch.device
) -> Plan:
    """Plan the attention of all blocks; it is the same for each."""
    return tuple(_plan_group(shape, group, dtype, device) for group in layout.groups)


def attend(plan: GroupPlan, projected: Tensor, mixed: Tensor) -> tuple[Tensor, Tensor]:
    """Attend in one group.

    Args:
        plan: Of the group.
        projected: [n, (h + 2 k) s], queries, keys and values of all tokens.
        mixed: [n, h s], whose part that belongs to the group is filled.

    Returns:
        What the backward pass reads: the buffer of heads, and the weights
        [k rows, g length, length].
    """
    size = plan.size
    heads = projected[plan.tokens].view(-1, size).index_select(0, plan.take)
    rotated = heads[: plan.queries + plan.keys].view(-1, plan.length, size)
    rotate_(rotated, plan.cosines, plan.sines)
    query, key, value = split(plan, heads)
    scores = torch.baddbmm(plan.mask, query, key.mT)
    # In float32, because PyTorch's bfloat16 softmax on processors is several times slower where
    # the length is no multiple of its vectors'.
    weights = scores.softmax(-1, dtype=torch.float32).to(scores.dtype)
    values = torch.bmm(weights, value).view(-1, size)
    torch.index_select(values, 0, plan.back_mixed, out=mixed[plan.tokens].view(-1, size))
    return heads, weights


def attend_backward(
    plan: GroupPlan,
    heads: Tensor,
    weights: Tensor,
    above_mixed: Tensor,
    above_projected: Tensor,
) -> None:
    """Find the gradient of one group's part of the projections.

    Args:
        plan: Of the group.
        heads: From `attend`.
        weights: From `attend`.
        above_mixed: [n, h s], the gradient of `mixed`.
        above_projected: [n, (h + 2 k) s], whose part that belongs to the group is filled.
    """
    size = plan.size
    query, key, value = split(plan, heads)
    above = above_mixed[plan.tokens].view(-1, size).index_select(0, plan.take_mixed)
    if len(plan.padding):
        above.index_fill_(0, plan.padding, 0.0)
    above = above.view_as(query)
    above_weights = torch.bmm(above, value.mT)
    above_scores = torch.ops.aten._softmax_backward_data(above_weights, weights, -1, weights.dtype)
    above_heads = torch.empty_like(heads)
    above_query, above_key, above_value = split(plan, above_heads)
    torch.bmm(above_scores, key, out=above_query)
    torch.bmm(above_scores.mT, query, out=above_key)
    torch.bmm(weights.mT, above, out=above_value)
    rotated = above_heads[: plan.queries + plan.keys].view(-1, plan.length, size)
    rotate_(rotated, plan.cosines, plan.back_sines)
    into = above_projected[plan.tokens].view(-1, size)
    torch.index_select(above_heads, 0, plan.back, out=into)


def split(plan: GroupPlan, heads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """View a buffer of heads as queries [k rows, g length, s], keys and values."""
    query, key, value = heads.split([plan.queries, plan.keys, plan.keys])
    shape = (plan.pairs, -1, plan.size)
    return query.view(shape), key.view(shape), value.view(shape)


def rotate_(x: Tensor, cosines: Tensor, sines: Tensor) -> None:
    """Rotate and scale heads [..., length, s] by their positions, in place."""
    other = x.roll(x.shape[-1] // 2, -1)
    x.mul_(cosines).addcmul_(other, sines)


def rotations(
    shape: Architecture, length: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Make the cosines and sines of positions 0, 1, 2 ...

    Both are scaled by s^(-1/4), so that products of rotated queries and keys are attention's.

    Returns:
        Each [length, s]; the first half of the sines is negative, as `rotate_` wants it.
    """
    even = torch.arange(0, shape.head_size, 2, device=device, dtype=torch.float32)
    frequencies = shape.rope_theta ** (-even / shape.head_size)
    angles = torch.arange(length, device=device, dtype=torch.float32)[:, None] * frequencies
    scale = shape.head_size**-0.25
    cosines, sines = scale * angles.cos(), scale * angles.sin()
    return torch.cat([cosines, cosines], 1).to(dtype), torch.cat([-sines, sines], 1).to(dtype)


def _plan_group(
    shape: Architecture, group: Group, dtype: torch.dtype, device: torch.device
) -> GroupPlan:
    keys = shape.num_key_value_heads
    served = shape.num_attention_heads // keys
    queries = keys * served
    every = queries + 2 * keys
    places, padding = group.places()[:, None], group.padding()[:, None]
    query_heads = np.arange(queries).reshape(keys, 1, served, 1)
    other_heads = np.arange(queries, every).reshape(2 * keys, 1, 1, 1)
    take = np.concatenate(
        [(places * every + query_heads).ravel(), (places * every + other_heads).ravel()]
    )
    take_mixed = (places * queries + query_heads).ravel()
    outside_queries = np.broadcast_to(padding, (keys, len(padding), served, group.longest)).ravel()
    outside_others = np.broadcast_to(padding, (2 * keys, len(padding), 1, group.longest)).ravel()
    outside = np.concatenate([outside_queries, outside_others])

    def index(places: Integers) -> Tensor:
        return torch.from_numpy(places.astype(np.int32)).to(device)

    cosines, sines = rotations(shape, group.longest, dtype, device)
    return GroupPlan(
        tokens=slice(group.start, group.stop),
        pairs=keys * len(group.lengths),
        length=group.longest,
        size=shape.head_size,
        queries=len(take_mixed),
        keys=keys * padding.size,
        take=index(take),
        back=index(_inverse(take, outside)),
        take_mixed=index(take_mixed),
        back_mixed=index(_inverse(take_mixed, outside_queries)),
        padding=index(np.flatnonzero(outside_queries)).long(),
        cosines=cosines,
        sines=sines,
        back_sines=-sines,
        mask=_mask(group.longest, served, dtype, device),
    )


def _inverse(take: Integers, outside: NDArray[np.bool_]) -> Integers:
    """Where each place of a source went, those aside that are `outside`."""
    inside = np.flatnonzero(~outside)
    back = np.empty(len(inside), dtype=np.int64)
    back[take[inside]] = inside
    return back


def _mask(length: int, served: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Hide what comes later: [served x length, length]."""
    hidden = torch.full((length, length), float("-inf"), dtype=dtype, device=device)
    return hidden.triu(1).repeat(served, 1)
