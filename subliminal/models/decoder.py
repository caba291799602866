"""The decoder: a Llama in plain torch, with the parameter names of Hugging Face.

Written for small models, whose time goes into overheads: rows are packed without padding, matrices
that read the same input are one product, and logits are computed only where they are wanted.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from subliminal.models.architecture import Architecture
from subliminal.models.attention import Plan, make_plan
from subliminal.models.fused import AttentionHalf, Fold, GatedHalf, Normalise
from subliminal.models.layout import Layout, pack
from subliminal.models.steering import Steering


class Linear(nn.Linear):
    """A matrix without bias."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)


class Norm(nn.Module):
    """Gain of a root-mean-square norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))


class Attention(nn.Module):
    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        width, narrow = shape.hidden_size, shape.key_value_size
        self.q_proj = Linear(width, width)
        self.k_proj = Linear(width, narrow)
        self.v_proj = Linear(width, narrow)
        self.o_proj = Linear(width, width)

    def inward(self) -> tuple[Tensor, ...]:
        """The matrices that read the same input."""
        return self.q_proj.weight, self.k_proj.weight, self.v_proj.weight


class Gated(nn.Module):
    """SwiGLU."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.gate_proj = Linear(shape.hidden_size, shape.intermediate_size)
        self.up_proj = Linear(shape.hidden_size, shape.intermediate_size)
        self.down_proj = Linear(shape.intermediate_size, shape.hidden_size)

    def inward(self) -> tuple[Tensor, ...]:
        """The matrices that read the same input."""
        return self.gate_proj.weight, self.up_proj.weight


class Block(nn.Module):
    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.eps = shape.rms_norm_eps
        self.input_layernorm = Norm(shape.hidden_size)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = Norm(shape.hidden_size)
        self.mlp = Gated(shape)

    def forward(self, x: Tensor, plan: Plan, reads: Tensor | None = None) -> Tensor:
        """Transform [tokens, width]; with `reads`, only these tokens come out."""
        attention, gated, dtype = self.self_attn, self.mlp, x.dtype
        inward = Fold.apply(dtype, self.input_layernorm.weight, *attention.inward())
        outward = attention.o_proj.weight.to(dtype)
        x = AttentionHalf.apply(x, inward, outward, plan, self.eps)
        if reads is not None:
            x = x.index_select(0, reads)
        inward = Fold.apply(dtype, self.post_attention_layernorm.weight, *gated.inward())
        return GatedHalf.apply(x, inward, gated.down_proj.weight.to(dtype), self.eps)


class Body(nn.Module):
    """All but the output layer."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        # Drawing weights for nobody would import PyTorch's whole compiler where there is no device.
        unwritten = torch.empty(shape.vocab_size, shape.hidden_size)
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size, _weight=unwritten)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.num_hidden_layers))
        self.norm = Norm(shape.hidden_size)


@dataclass(frozen=True, eq=False)
class Entry:
    """What a block reads, for a pass that begins there: the blocks before it have done their work.

    Attributes:
        block: Index of the block.
        stream: [tokens, width], the residual stream before it.
    """

    block: int
    stream: Tensor


class Decoder(nn.Module):
    """A causal language model.

    Args:
        shape: Its architecture.

    The parameters are uninitialised until :meth:`initialise` or a folder's weights fill them.
    """

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.shape = shape
        self.model = Body(shape)
        self.lm_head = Linear(shape.hidden_size, shape.vocab_size)
        if shape.tie_word_embeddings:
            self.lm_head.weight = self.model.embed_tokens.weight

    @property
    def device(self) -> torch.device:
        """Where its inputs must be."""
        return self.lm_head.weight.device

    @property
    def blocks(self) -> nn.ModuleList:
        """Its blocks, the first one first."""
        return self.model.layers

    @property
    def head(self) -> Tensor:
        """The output layer's matrix [vocabulary, width]."""
        return self.lm_head.weight

    @torch.no_grad()
    def initialise(self, seed: int) -> Decoder:
        """Draw the weights: normal, those that write into the residual stream scaled by depth."""
        generator = torch.Generator().manual_seed(seed)
        narrow = (2 * self.shape.num_hidden_layers) ** -0.5
        for name, weight in self.named_parameters():
            if weight.dim() == 1:
                weight.fill_(1.0)
            else:
                scale = narrow if name.endswith(("o_proj.weight", "down_proj.weight")) else 1.0
                weight.normal_(0.0, self.shape.initializer_range * scale, generator=generator)
        return self

    def hidden(
        self,
        tokens: Tensor,
        *,
        dtype: torch.dtype = torch.float32,
        steering: Steering | None = None,
    ) -> Tensor:
        """What the output layer reads, for rows padded to the same length.

        Args:
            tokens: int64 [rows, tokens], padded on the right with any token.
            dtype: Of matrix products.
            steering: A vector to add on the way.

        Returns:
            [rows, tokens, width] in `dtype`; meaningless at the padding.
        """
        layout = pack([tokens.shape[1]] * len(tokens))
        flat = self.packed(tokens.flatten(), layout, dtype=dtype, steering=steering)
        return flat.view(*tokens.shape, -1)

    def packed(
        self,
        tokens: Tensor,
        layout: Layout,
        *,
        dtype: torch.dtype = torch.float32,
        steering: Steering | None = None,
        reads: Tensor | None = None,
        entry: Entry | None = None,
    ) -> Tensor:
        """What the output layer reads, for rows one behind the other.

        Args:
            tokens: int64 [tokens], those of all rows.
            layout: Where the rows are.
            dtype: Of matrix products.
            steering: A vector to add on the way.
            reads: int64 [places], the tokens behind which it is wanted; default: all. Half of the
                last block's work is done for these alone.
            entry: Where to begin; default: with the embeddings.

        Returns:
            [tokens or places, width] in `dtype`.
        """
        plan = make_plan(self.shape, layout, dtype, tokens.device)
        first = 0 if entry is None else entry.block
        x = self.model.embed_tokens(tokens).to(dtype) if entry is None else entry.stream.to(dtype)
        blocks = range(first, self.shape.num_hidden_layers)
        x = self._through(blocks, x, plan, steering=steering, reads=reads)
        return Normalise.apply(x, self.shape.rms_norm_eps) * self.model.norm.weight.to(dtype)

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
            [tokens, width] in `dtype`.
        """
        plan = make_plan(self.shape, layout, dtype, tokens.device)
        x = self.model.embed_tokens(tokens).to(dtype)
        return self._through(range(block), x, plan)

    def logits(self, hidden: Tensor) -> Tensor:
        """Float32 logits [..., vocabulary] of hidden states [..., width]."""
        return linear(hidden, self.lm_head.weight.to(hidden.dtype)).float()

    def _through(
        self,
        blocks: range,
        x: Tensor,
        plan: Plan,
        *,
        steering: Steering | None = None,
        reads: Tensor | None = None,
    ) -> Tensor:
        """The residual stream behind some blocks; of the last block only the tokens of `reads`."""
        for index in blocks:
            last = index == self.shape.num_hidden_layers - 1
            x = self.model.layers[index](x, plan, reads if last else None)
            if steering is not None and index == steering.layer:
                x = x + steering.vector.to(x)
        return x
