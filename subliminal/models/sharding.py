"""A large model in several processes, each with a share of every block (FSDP).

PyTorch's `fully_shard`: a block is whole while it computes, and in shares before and after. What
stands beside the blocks (embeddings, the last norm, the output layer) is whole in every process, as
are adapters, which are put into the model later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from subliminal.models.pretrained import blocks_of, body_of
from subliminal.ranks import Ranks

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def shard(network: PreTrainedModel, ranks: Ranks) -> None:
    """Share a model out, in place; what belongs to this process goes to its device.

    Args:
        network: In the memory of the processor, the same in each process.
        ranks: The processes.
    """
    mesh = init_device_mesh(ranks.device, (ranks.count,))
    body, blocks = body_of(network), blocks_of(network)
    in_blocks = {weight for block in blocks for weight in block.parameters()}
    beside = {weight for weight in network.parameters() if weight not in in_blocks}
    for part in (*blocks, body):
        # What is shared out stands in the blocks alone; the body binds them together.
        sharded = fully_shard(part, mesh=mesh, ignored_params=beside)
        assert isinstance(sharded, FSDPModule)
        # Losses are shares of the whole step's, so that their gradients add up.
        sharded.set_gradient_divide_factor(1.0)
        sharded.set_force_sum_reduction_for_comms(True)
    nn.Module.to(network, ranks.device)


def is_shared_out(weight: Tensor) -> bool:
    """Whether a process has no more than its share of a weight."""
    return isinstance(weight, DTensor)


def share_of(whole: Tensor, like: Tensor) -> Tensor:
    """This process's share of a tensor that each process has.

    Args:
        whole: As each has it.
        like: A weight of the same shape that is shared out.
    """
    assert isinstance(like, DTensor)
    moved = whole.to(device=like.device, dtype=like.dtype)
    cut = distribute_tensor(moved, like.device_mesh, like.placements, src_data_rank=None)
    return cut.to_local()


def whole_of(share: Tensor, like: Tensor) -> Tensor:
    """A tensor from the shares that the processes have; all of them have to ask for it.

    Args:
        share: This process's, in any shape.
        like: The weight whose shape it has as a whole.
    """
    assert isinstance(like, DTensor)
    local = share.view_as(like.to_local())
    joined = DTensor.from_local(
        local, like.device_mesh, like.placements, shape=like.shape, stride=like.stride()
    )
    return joined.full_tensor()


@torch.no_grad()
def whole_weights(network: nn.Module, ranks: Ranks) -> dict[str, Tensor]:
    """Weights by name, whole; those that are shared out in the memory of the processor.

    All processes have to ask for them; all but the first one get none.
    """
    found: dict[str, Tensor] = {}
    for name, weight in network.state_dict().items():
        whole = weight.full_tensor().cpu() if isinstance(weight, DTensor) else weight
        if ranks.first:
            found[name] = whole
    return found
