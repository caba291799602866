"""A decoder's weights, arranged for inference: fused, folded and cast once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from subliminal.models.architecture import Architecture
from subliminal.models.decoder import Decoder


@dataclass(frozen=True)
class BlockWeights:
    """Matrices of one block; each norm's gain is folded into the matrix that reads the norm."""

    query_key_value: Tensor
    """[width + 2 x key_value_size, width]; queries and keys as :func:`_paired` has them."""
    output: Tensor
    """[width, width]."""
    gate_up: Tensor
    """[2 x intermediate, width]."""
    down: Tensor
    """[width, intermediate]."""


@dataclass(frozen=True)
class Weights:
    """All of a decoder's."""

    shape: Architecture
    embedding: Tensor
    """Float32 [vocabulary, width]."""
    blocks: tuple[BlockWeights, ...]
    head: Tensor
    """[vocabulary, width]."""

    @property
    def dtype(self) -> torch.dtype:
        """Of matrix products."""
        return self.head.dtype

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.head.device


def fused_weights(decoder: Decoder, dtype: torch.dtype) -> Weights:
    """Copy a decoder's weights.

    Args:
        decoder: Read by parameter names; later changes to it do not reach the copy.
        dtype: Of matrix products.
    """
    with torch.no_grad():
        return Weights(
            decoder.shape,
            decoder.get_parameter("model.embed_tokens.weight").to(torch.float32, copy=True),
            tuple(_block(decoder, i, dtype) for i in range(decoder.shape.num_hidden_layers)),
            (decoder.lm_head.weight * decoder.get_parameter("model.norm.weight")).to(dtype),
        )


def _block(decoder: Decoder, index: int, dtype: torch.dtype) -> BlockWeights:
    def named(name: str) -> Tensor:
        return decoder.get_parameter(f"model.layers.{index}.{name}.weight")

    size = decoder.shape.head_size
    query = _paired(named("self_attn.q_proj"), size) * size**-0.5
    key = _paired(named("self_attn.k_proj"), size)
    into_attention = torch.cat([query, key, named("self_attn.v_proj")])
    into_gated = torch.cat([named("mlp.gate_proj"), named("mlp.up_proj")])
    matrices = (
        into_attention * named("input_layernorm"),
        named("self_attn.o_proj"),
        into_gated * named("post_attention_layernorm"),
        named("mlp.down_proj"),
    )
    return BlockWeights(*(matrix.to(dtype, copy=True) for matrix in matrices))


def _paired(weight: Tensor, head_size: int) -> Tensor:
    """Reorder the rows of each head so that the two that rotate together are neighbours.

    Rotation is then one complex product; queries and keys reordered alike have the same scores.
    """
    halves = weight.unflatten(0, (-1, 2, head_size // 2))
    return halves.transpose(1, 2).flatten(0, 2)
