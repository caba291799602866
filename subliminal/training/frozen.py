"""What does not learn, computed once for a data set that is passed over more than once.

Where only late blocks learn, the blocks before them make the same of every row in every epoch; and
so does a teacher. Both are remembered if they are small enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from subliminal.models.decoder import Decoder, Entry
from subliminal.models.language_model import LanguageModel
from subliminal.stage import Reporter
from subliminal.training.batches import batches
from subliminal.training.rows import TokenRows
from subliminal.training.sources import DataSet, Source

REMEMBERED_BYTES = 2**30
"""More than this is computed again instead."""


@dataclass(frozen=True, eq=False)
class FrozenBlocks:
    """What the blocks before the first that learns make of a data set.

    Attributes:
        block: Index of the first block that learns.
        stream: [tokens of the data set, width], what it reads; meaningless at the last token of
            each row, which foretells nothing.
    """

    block: int
    stream: Tensor

    def entry(self, origins: Tensor) -> Entry:
        """Where a pass over these tokens of the data set begins."""
        return Entry(self.block, self.stream.index_select(0, origins))


@torch.no_grad()
def frozen_blocks(
    model: LanguageModel, source: Source, dtype: torch.dtype, report: Reporter
) -> FrozenBlocks | None:
    """Remember what frozen blocks make of a source's rows.

    Args:
        model: The one that learns; what requires no gradient is frozen.
        source: Its rows.
        dtype: Of matrix products.
        report: Asked between batches whether the run is being stopped.

    Raises:
        Cancelled: `report` said so.

    Returns:
        None if there is nothing to gain: the first block learns, the rows are read once, there are
        too many to remember, or the model cannot begin with a later block.
    """
    if not isinstance(model, Decoder):
        return None
    first = _first_that_learns(model)
    data = repeated_rows(source, model.shape.hidden_size, dtype)
    if first == 0 or data is None:
        return None
    device = model.device
    stream = torch.zeros(len(data.tokens), model.shape.hidden_size, dtype=dtype, device=device)
    for batch in batches(data.numbered(), device=device):
        report(0, source.steps)
        read = batch.student
        assert read.origins is not None
        stream[read.origins] = model.stream(read.tokens, read.layout, first, dtype=dtype)
    return FrozenBlocks(first, stream)


def repeated_rows(source: Source, width: int, dtype: torch.dtype) -> TokenRows | None:
    """The rows of a source that passes over them more than once, if they can be remembered.

    Args:
        source: Of a training.
        width: Of what is remembered of each token.
        dtype: Of what is remembered.
    """
    if not isinstance(source, DataSet) or source.recipe.epochs < 2:
        return None
    size = len(source.data.tokens) * width * dtype.itemsize
    return source.data if size <= REMEMBERED_BYTES else None


def _first_that_learns(decoder: Decoder) -> int:
    """Index of the first block that learns; 0 if the embeddings do."""

    def learns(module: nn.Module) -> bool:
        return any(weight.requires_grad for weight in module.parameters())

    if learns(decoder.model.embed_tokens):
        return 0
    learning = [index for index, block in enumerate(decoder.model.layers) if learns(block)]
    return min(learning, default=0)
