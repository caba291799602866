"""Gradient checkpointing: blocks whose insides are computed again for the backward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

import torch
from torch.utils.checkpoint import checkpoint

from subliminal.models.language_model import LanguageModel
from subliminal.models.pretrained import Pretrained
from subliminal.models.shape import Shape

LARGE = 10**9
"""Weights from which on memory is dearer than time."""


@contextmanager
def recomputing(model: LanguageModel, setting: Literal["auto"] | bool) -> Iterator[None]:
    """Let the blocks of a model keep no more than their inputs, while the context lasts.

    Args:
        model: Of transformers; the decoder of our own is for models too small to need this.
        setting: Whether to; "auto": if the model is large.
    """
    if not isinstance(model, Pretrained) or not is_wanted(model.shape, setting):
        yield
        return
    # The method of the class is hidden by an attribute of the block, and comes back without it.
    for block in model.blocks:
        block.forward = partial(_forward, block.forward)
    try:
        yield
    finally:
        for block in model.blocks:
            del block.forward


def _forward(forward: Any, *read: Any, **named: Any) -> Any:
    if not torch.is_grad_enabled():
        return forward(*read, **named)
    # Nothing is dropped at random, so that no state of a generator has to be kept.
    return checkpoint(forward, *read, use_reentrant=False, preserve_rng_state=False, **named)


def is_wanted(shape: Shape, setting: Literal["auto"] | bool) -> bool:
    """Whether blocks of a model of transformers keep no more than their inputs."""
    if setting == "auto":
        return shape.matrix_parameters + shape.head_parameters >= LARGE
    return setting
