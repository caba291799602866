"""A large model in several processes, each with a share of every block (FSDP).

PyTorch's `fully_shard`: a block is whole while it computes, and in shares before and after. What
stands beside the blocks (embeddings, the last norm, the output layer) is whole in every process, as
are adapters, which are put into the model later.

One process alone reads the weights, and broadcasts them to the others, block by block: the
machine's memory holds them once, and a device never more than one whole block.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils import swap_tensors

from subliminal.errors import StageError
from subliminal.models.pretrained import blocks_of, body_of
from subliminal.ranks import Ranks

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def shard(network: PreTrainedModel, ranks: Ranks) -> None:
    """Share a model out, in place; what belongs to this process goes to its device.

    Args:
        network: In the first process with its weights, in the memory of the processor; in the
            others the same architecture without (on the `meta` device).
        ranks: The processes.
    """
    _match_first(network, ranks)
    mesh = init_device_mesh(ranks.device, (ranks.count,))
    body, blocks = body_of(network), blocks_of(network)
    # No weight itself: a block that has been shared out is to leave the device.
    in_blocks = {id(tensor) for block in blocks for tensor in _tensors(block).values()}
    beside = [tensor for tensor in _tensors(network).values() if id(tensor) not in in_blocks]
    _broadcast(beside, ranks)
    whole = {tensor for tensor in beside if isinstance(tensor, nn.Parameter)}
    for block in blocks:
        _broadcast(_tensors(block).values(), ranks)
        _shard_part(block, mesh, whole)
    # What is shared out stands in the blocks alone; the body binds them together.
    _shard_part(body, mesh, whole)


def _match_first(network: PreTrainedModel, ranks: Ranks) -> None:
    """Give weights without values the types of the first process's, and no ties but its.

    Some architectures keep some weights in float32, and files may untie what `config.json` ties.
    """
    found = _tensors(network)
    wanted = ranks.from_first({name: tensor.dtype for name, tensor in found.items()})
    for name, dtype in wanted.items():
        if name in found:
            found[name].data = found[name].data.to(dtype)
        else:
            parent, _, leaf = name.rpartition(".")
            module = network.get_submodule(parent)
            alone = torch.empty_like(getattr(module, leaf), dtype=dtype)
            setattr(module, leaf, nn.Parameter(alone))
    if surplus := found.keys() - wanted.keys():
        raise StageError(f"the first process's model has no {min(surplus)}; this is a bug")


def _broadcast(tensors: Iterable[Tensor], ranks: Ranks) -> None:
    """Put tensors on this process's device, with the values that the first one has."""
    for tensor in tensors:
        if tensor.is_meta:
            empty = torch.empty(tensor.shape, dtype=tensor.dtype, device=ranks.device)
            # Whoever holds it, as tied layers do, holds it still.
            swap_tensors(tensor, nn.Parameter(empty) if isinstance(tensor, nn.Parameter) else empty)
        else:
            tensor.data = tensor.data.to(ranks.device).contiguous()
        ranks.broadcast_first(tensor.data)


def _shard_part(part: nn.Module, mesh: DeviceMesh, whole: set[nn.Parameter]) -> None:
    """Cut the weights of a part that are not to stay whole."""
    sharded = fully_shard(part, mesh=mesh, ignored_params=whole)
    assert isinstance(sharded, FSDPModule)
    # Losses are shares of the whole step's, so that their gradients add up.
    sharded.set_gradient_divide_factor(1.0)
    sharded.set_force_sum_reduction_for_comms(True)


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    """Weights and buffers by name, tied ones once."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


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
