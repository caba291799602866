"""Low-rank adaptation (arXiv 2106.09685) by a parametrisation of the adapted matrices.

The update is added to the matrix before it is used, not to its output: that is the same function,
it leaves the decoder's fused passes as they are (peft wraps each layer, and would undo them), and
the model that is trained is bit for bit the merged one that is kept. The gradient of the whole
matrix exists for a moment; what the optimiser remembers is that of the thin ones.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from subliminal.models.decoder import Decoder
from subliminal.seeds import derive_seed
from subliminal.spec.language import Adapter


class LowRank(nn.Module):
    """W -> W + scale B A, with A drawn as in the paper's code and B = 0."""

    def __init__(self, matrix: Tensor, adapter: Adapter, seed: int) -> None:
        super().__init__()
        outputs, inputs = matrix.shape
        generator = torch.Generator().manual_seed(seed)
        bound = inputs**-0.5
        drawn = torch.empty(adapter.rank, inputs).uniform_(-bound, bound, generator=generator)
        self.a = nn.Parameter(drawn.to(matrix.device))
        self.b = nn.Parameter(torch.zeros(outputs, adapter.rank, device=matrix.device))
        self.scale = adapter.alpha / adapter.rank

    def forward(self, matrix: Tensor) -> Tensor:
        """Add the update."""
        return torch.addmm(matrix, self.b, self.a, alpha=self.scale)


def adapt(decoder: Decoder, adapter: Adapter, seed: int) -> list[tuple[str, nn.Parameter]]:
    """Put an adapter beside every chosen matrix of every block.

    Args:
        decoder: Changed in place; its own parameters are frozen.
        adapter: Rank, scale and matrices.
        seed: Of the adapters' initial values.

    Returns:
        What is to be trained, with names.
    """
    decoder.requires_grad_(False)
    trained: list[tuple[str, nn.Parameter]] = []
    for name, module in list(decoder.named_modules()):
        if name.rpartition(".")[2] in adapter.matrices and isinstance(module, nn.Linear):
            low_rank = LowRank(module.weight, adapter, derive_seed(seed, "adapter", name))
            parametrize.register_parametrization(module, "weight", low_rank)
            trained += [(f"{name}.{part}", weight) for part, weight in low_rank.named_parameters()]
    return trained
