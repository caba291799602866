"""From logits and uniform numbers to tokens."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from subliminal.errors import StageError
from subliminal.sampling.protocol import Sampling

_BLOCK = 64
"""Tokens whose probabilities are added up before the search, which then looks at one block."""


def draw(logits: Tensor, uniforms: np.ndarray, settings: Sampling) -> Tensor:
    """Draw one token for each row.

    Args:
        logits: [rows, vocabulary].
        uniforms: One number in [0, 1) for each row; not looked at when the temperature is 0.
        settings: Temperature and top-p.

    Returns:
        int64 [rows].

    Raises:
        StageError: A row's logits are not numbers.
    """
    if settings.temperature == 0:
        return _likeliest(logits)
    if settings.temperature != 1:
        logits = logits.float() / settings.temperature
    weights = torch.softmax(logits, dim=-1, dtype=torch.float32)
    if settings.top_p < 1:
        weights = nucleus(weights, settings.top_p)
    return invert(weights, torch.from_numpy(uniforms).to(weights.device))


def invert(weights: Tensor, uniforms: Tensor) -> Tensor:
    """Find the tokens at which the cumulative weights, in token order, pass the uniform numbers.

    The search adds up blocks first and then the tokens of one block, in float64: a cumulative sum
    over the whole vocabulary takes longer than the output layer.

    Args:
        weights: Probabilities up to a factor, float32 [rows, vocabulary].
        uniforms: float64 [rows].

    Raises:
        StageError: A row's weights are not numbers.
    """
    if weights.shape[1] % _BLOCK:
        weights = pad(weights, (0, -weights.shape[1] % _BLOCK))
    blocks = weights.unflatten(1, (-1, _BLOCK))
    sums = blocks.sum(-1).double().cumsum(-1)
    total = sums[:, -1]
    if not bool(torch.isfinite(total).all()):
        raise StageError("the model's logits are not finite numbers; its weights are damaged")
    target = (uniforms * total)[:, None]
    block = _first_above(sums, target)
    rows = torch.arange(len(weights), device=weights.device)
    before = torch.where(block > 0, sums[rows, block - 1], 0.0)[:, None]
    inside = blocks[rows, block]
    within = _first_above(before + inside.double().cumsum(-1), target)
    # A block's float32 sum may exceed the float64 sum of its tokens by the last bit, so that no
    # token passes the target, or one of no weight would be taken.
    last = _BLOCK - 1 - (inside > 0).int().flip(-1).argmax(-1)
    return block * _BLOCK + torch.minimum(within, last)


def nucleus(probabilities: Tensor, top_p: float) -> Tensor:
    """Set to zero what is outside the smallest set of likeliest tokens that holds `top_p`.

    Args:
        probabilities: float32 [rows, vocabulary]; each row adds up to 1.
        top_p: Above 0 and below 1. Of equally likely tokens the first are taken first.
    """
    ascending = _ascending(probabilities)
    # All tokens below this together hold less than what stays outside.
    negligible = (1 - top_p) / (2 * ascending.shape[1])
    candidates = int((ascending >= negligible).sum(-1).max())
    ranked = ascending[:, -max(candidates, 1) :].flip(1)
    mass = ranked.double().cumsum(-1)
    size = (mass < top_p).sum(-1, keepdim=True).clamp(max=ranked.shape[1] - 1)
    rarest = ranked.gather(1, size)
    above = probabilities > rarest
    equal = probabilities == rarest
    room = size + 1 - above.sum(-1, keepdim=True)
    kept = above | (equal & (equal.cumsum(-1) <= room))
    return probabilities * kept


def log_probabilities(logits: Tensor, tokens: Tensor) -> Tensor:
    """Log-probabilities of tokens [rows] under logits [rows, vocabulary], float32 [rows]."""
    return torch.log_softmax(logits.float(), dim=-1).gather(1, tokens[:, None])[:, 0]


def _likeliest(logits: Tensor) -> Tensor:
    tokens = logits.argmax(-1)
    if not bool(torch.isfinite(logits.gather(1, tokens[:, None])).all()):
        raise StageError("the model's logits are not finite numbers; its weights are damaged")
    return tokens


def _ascending(values: Tensor) -> Tensor:
    """Each row sorted."""
    if not values.is_cpu:
        return values.sort(-1).values
    # NumPy sorts bare values many times faster than torch sorts values with their indices.
    return torch.from_numpy(np.sort(values.numpy(), axis=-1))


def _first_above(ascending: Tensor, target: Tensor) -> Tensor:
    """Index [rows] of the first value above its row's target; the last one if there is none."""
    passed = (ascending <= target).sum(-1)
    return passed.clamp(max=ascending.shape[-1] - 1)
