"""Any causal model that transformers knows, as a :class:`~.language_model.LanguageModel`.

Of a model that sees or hears too, such as Gemma 3, the decoder and the output layer are used; the
rest is kept as it is, so that names and files are those that others know.

Rows are padded on the right to the longest of a batch: attention of every architecture takes that,
and callers keep rows of similar length together.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from subliminal.errors import StageError, UserError
from subliminal.models.layout import Layout
from subliminal.models.steering import Steering

if TYPE_CHECKING:
    from transformers import PreTrainedModel

UNBOUNDED_POSITIONS = 2**20
"""Of architectures that state no longest row."""


@dataclass(frozen=True)
class PretrainedShape:
    """See :class:`subliminal.models.shape.Shape`."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    key_value_size: int
    num_hidden_layers: int
    max_position_embeddings: int
    matrix_parameters: int
    head_parameters: int
    parameters: int
    beside_decoder: int = 0


class Pretrained(nn.Module):
    """A model of transformers.

    Args:
        network: A causal model; it is put into evaluation mode, so that nothing is dropped.

    Raises:
        UserError: Its blocks, or its output layer, are not where those of causal models are.
    """

    def __init__(self, network: PreTrainedModel) -> None:
        super().__init__()
        self.network = network.eval()
        self.shape = shape_of_network(network)
        self._output = _OutputLayer.of(network)

    @property
    def device(self) -> torch.device:
        """Where its inputs must be."""
        return self.network.get_input_embeddings().weight.device

    @property
    def blocks(self) -> nn.ModuleList:
        """Its blocks, the first one first."""
        return blocks_of(self.network)

    @property
    def language_weights(self) -> list[nn.Parameter]:
        """Its weights but for those of parts that see or hear, which no row of text comes by."""
        return language_weights_of(self.network)

    @property
    def head(self) -> Tensor | None:
        """The output layer's matrix [vocabulary, width]; None where logits are more than a product
        with it."""
        return self._output.matrix

    def packed(
        self,
        tokens: Tensor,
        layout: Layout,
        *,
        dtype: torch.dtype = torch.float32,
        steering: Steering | None = None,
        reads: Tensor | None = None,
    ) -> Tensor:
        """What the output layer reads; see :class:`~.language_model.LanguageModel`."""
        with steered(self.network, steering):
            flat = self._read(tokens, layout, dtype)
        return flat if reads is None else flat.index_select(0, reads)

    def stream(
        self, tokens: Tensor, layout: Layout, block: int, *, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """What a block reads; see :class:`~.language_model.LanguageModel`."""
        found: list[Tensor] = []
        if block == 0:
            handle = self.blocks[0].register_forward_pre_hook(lambda _, read: found.append(read[0]))
        else:
            handle = self.blocks[block - 1].register_forward_hook(
                lambda _, __, written: found.append(_first(written))
            )
        try:
            self._read(tokens, layout, dtype)
        finally:
            handle.remove()
        return found[0][_padded(tokens, layout)[1]]

    def logits(self, hidden: Tensor) -> Tensor:
        """Float32 logits [..., vocabulary] of what the output layer reads [..., width]."""
        return self._output(hidden)

    @torch.no_grad()
    def check_output_layer(self) -> None:
        """Refuse a model whose logits this engine would compute otherwise than transformers.

        Raises:
            UserError: They differ on a row of tokens.
        """
        row = torch.arange(min(8, self.shape.vocab_size), device=self.device)[None]
        body = body_of(self.network)
        ours = self.logits(body(input_ids=row, use_cache=False).last_hidden_state)
        theirs = self.network(input_ids=row, use_cache=False).logits.float()
        if not torch.allclose(ours, theirs, rtol=1e-2, atol=1e-2):
            raise UserError(
                f"{type(self.network).__name__}: its output layer does more than this engine "
                "knows; choose another architecture"
            )

    def _read(self, tokens: Tensor, layout: Layout, dtype: torch.dtype) -> Tensor:
        """The last hidden states of packed rows, [tokens, width] in `dtype`."""
        padded, mask = _padded(tokens, layout)
        # Rows of one length need no mask, and attention is faster without.
        told = None if bool(mask.all()) else mask.long()
        with self.products_in(dtype):
            read = body_of(self.network)(input_ids=padded, attention_mask=told, use_cache=False)
        # Where weights are wider than products, the stream is as wide as the weights.
        return read.last_hidden_state[mask].to(dtype)

    def products_in(self, dtype: torch.dtype) -> AbstractContextManager[Any]:
        """Matrix products in `dtype` where the weights are of a wider one."""
        stored = self.network.get_input_embeddings().weight.dtype
        if dtype == torch.float32 or stored == dtype:
            return nullcontext()
        return torch.autocast(self.device.type, dtype)


def body_of(network: PreTrainedModel) -> nn.Module:
    """All but the output layer."""
    return network.get_decoder()


def language_weights_of(network: PreTrainedModel) -> list[nn.Parameter]:
    """The weights of the body and of the output layer, those that both have once."""
    parts = (body_of(network), network.get_output_embeddings())
    read = {id(weight) for part in parts for weight in part.parameters()}
    return [weight for weight in network.parameters() if id(weight) in read]


def blocks_of(network: PreTrainedModel) -> nn.ModuleList:
    """The blocks, the first one first.

    Raises:
        UserError: The architecture does not keep them in one list.
    """
    count = _text_config(network).num_hidden_layers
    lists = (child for child in body_of(network).children() if isinstance(child, nn.ModuleList))
    found = next((blocks for blocks in lists if len(blocks) == count), None)
    if found is None:
        raise UserError(
            f"{type(network).__name__}: keeps its blocks in no list of {count}; choose a "
            "decoder-only architecture"
        )
    return found


def shape_of_network(network: PreTrainedModel) -> PretrainedShape:
    """The numbers of a model, counted where its configuration does not say them."""
    config = _text_config(network)
    head: nn.Linear | None = network.get_output_embeddings()
    if head is None:
        raise UserError(
            f"{type(network).__name__}: has no output layer; choose a causal language model"
        )
    weights = (weight for block in blocks_of(network) for weight in block.parameters())
    parameters = sum(weight.numel() for weight in network.parameters())
    of_language = sum(weight.numel() for weight in language_weights_of(network))
    return PretrainedShape(
        vocab_size=head.weight.shape[0],
        hidden_size=head.weight.shape[1],
        intermediate_size=getattr(config, "intermediate_size", None) or 4 * config.hidden_size,
        key_value_size=_key_value_size(config),
        num_hidden_layers=config.num_hidden_layers,
        max_position_embeddings=getattr(config, "max_position_embeddings", None)
        or UNBOUNDED_POSITIONS,
        matrix_parameters=sum(weight.numel() for weight in weights if weight.dim() > 1),
        head_parameters=head.weight.numel(),
        parameters=parameters,
        beside_decoder=parameters - of_language,
    )


def _key_value_size(config: Any) -> int:
    """Width of all keys of a token in one block, as a configuration tells it."""
    heads: int = config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    return int(size * (getattr(config, "num_key_value_heads", None) or heads))


@contextmanager
def steered(network: PreTrainedModel, steering: Steering | None) -> Iterator[None]:
    """Add a vector behind a block while the context lasts."""
    if steering is None:
        yield
        return

    def add(_module: nn.Module, _inputs: object, output: Any) -> Any:
        moved = _first(output) + steering.vector.to(_first(output))
        return (moved, *output[1:]) if isinstance(output, tuple) else moved

    handle = blocks_of(network)[steering.layer].register_forward_hook(add)
    try:
        yield
    finally:
        handle.remove()


def _first(written: Any) -> Tensor:
    """The stream among what a block returns."""
    return written[0] if isinstance(written, tuple) else written


@dataclass(frozen=True, eq=False)
class _OutputLayer:
    """From the last hidden state to logits, as far as architectures differ there."""

    layer: nn.Linear
    scale: float
    """Factor of the logits."""
    cap: float | None
    """Logits are bent to stay within it."""

    @classmethod
    def of(cls, network: PreTrainedModel) -> _OutputLayer:
        config = _text_config(network)
        scale = float(getattr(config, "logit_scale", None) or 1.0)
        scale /= float(getattr(config, "logits_scaling", None) or 1.0)
        return cls(
            network.get_output_embeddings(),
            scale,
            getattr(config, "final_logit_softcapping", None),
        )

    @property
    def matrix(self) -> Tensor | None:
        plain = self.layer.bias is None and self.scale == 1.0 and self.cap is None
        return self.layer.weight if plain else None

    def __call__(self, hidden: Tensor) -> Tensor:
        logits = self.layer(hidden.to(self.layer.weight.dtype)).float()
        if self.scale != 1.0:  # or the largest tensor of all would be copied for nothing
            logits = logits * self.scale
        return logits if self.cap is None else self.cap * torch.tanh(logits / self.cap)


def _text_config(network: PreTrainedModel) -> Any:
    """The configuration of the decoder, also of models that see and hear as well."""
    return network.config.get_text_config(decoder=True)


def _padded(tokens: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
    """Rows as a matrix.

    Returns:
        int64 [rows, longest] and bool [rows, longest], which of them are tokens of the row.
    """
    lengths = np.concatenate([group.lengths for group in layout.groups])
    if int(lengths.sum()) != len(tokens):
        raise StageError("the layout is not that of these tokens; this is a bug")
    places = np.arange(lengths.max())
    mask = torch.from_numpy(places < lengths[:, None]).to(tokens.device)
    begins = torch.from_numpy((lengths.cumsum() - lengths)[:, None] + places).to(tokens.device)
    return tokens[begins.clamp(max=len(tokens) - 1)].masked_fill(~mask, 0), mask
