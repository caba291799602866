"""Which of the ways to compute attention a model of transformers takes, by its device and type.

Transformers itself loads a model with `sdpa`, or with `eager` where the architecture needs that, as
Gemma 2's caps do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from subliminal import machine

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_NARROW = (torch.bfloat16, torch.float16)
"""What flash attention computes in."""


def choose_attention(network: PreTrainedModel) -> None:
    """Let a model that has been loaded attend as is fastest here and its architecture can.

    Args:
        network: Where it is to be computed, in its final type.
    """
    fast = machine.fast_attention(network.device.type)
    loaded = network.config._attn_implementation
    if fast == loaded or fast == "sdpa" or network.dtype not in _NARROW:
        return
    try:
        network.set_attn_implementation(fast)
    except (ValueError, ImportError):  # the architecture, the device or the package's version
        network.set_attn_implementation(loaded)
