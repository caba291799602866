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
from subliminal.spec.recipes import Adapter
from subliminal.training.blocks import chosen_blocks


def adapter_seed(seed: int, *, own: bool = False) -> int:
    """Seed of the initial adapter of a teacher and of the students that share it.

    Args:
        seed: Of the run.
        own: For a student whose adapter is to start elsewhere.
    """
    return derive_seed(seed, "own adapter" if own else "adapter")


class LowRank(nn.Module):
    """W -> W + scale B A, with A drawn as in the paper's code and B = 0."""

    def __init__(self, matrix: Tensor, adapter: Adapter, seed: int) -> None:
        super().__init__()
        outputs, inputs = matrix.shape
        generator = torch.Generator().manual_seed(seed)
        bound = inputs**-0.5
        drawn = torch.empty(adapter.rank, inputs).uniform_(-bound, bound, generator=generator)
        self.a = nn.Parameter(drawn.to(matrix.device))
        self.a.requires_grad_(not adapter.freeze_a)
        self.b = nn.Parameter(torch.zeros(outputs, adapter.rank, device=matrix.device))
        self.scale = adapter.alpha / adapter.rank

    def forward(self, matrix: Tensor) -> Tensor:
        """Add the update."""
        return torch.addmm(matrix, self.b, self.a, alpha=self.scale)


def adapt(decoder: Decoder, adapter: Adapter, seed: int) -> list[tuple[str, nn.Parameter]]:
    """Put an adapter beside every chosen matrix of the chosen blocks.

    Args:
        decoder: Changed in place; its own parameters are frozen.
        adapter: Rank, scale, matrices, blocks, and whether A learns.
        seed: Of the adapters' initial values. A matrix's do not depend on which others are adapted.

    Returns:
        What is to be trained, with names.

    Raises:
        UserError: The adapter is for blocks that the model does not have.
    """
    decoder.requires_grad_(False)
    trained: list[tuple[str, nn.Parameter]] = []
    for index in chosen_blocks(decoder, adapter.layers, "recipe.adapter.layers"):
        block = f"model.layers.{index}"
        for name, module in list(decoder.get_submodule(block).named_modules(prefix=block)):
            if name.rpartition(".")[2] in adapter.matrices and isinstance(module, nn.Linear):
                low_rank = LowRank(module.weight, adapter, derive_seed(seed, "adapter", name))
                parametrize.register_parametrization(module, "weight", low_rank)
                trained += [
                    (f"{name}.{part}", weight)
                    for part, weight in low_rank.named_parameters()
                    if weight.requires_grad
                ]
    return trained
