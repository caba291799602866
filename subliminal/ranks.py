"""Processes that compute one stage together, and what they tell one another.

Each does all that the stage does, with the same result, but for what they share out among them: the
rows of a training's steps, and the weights of a model that is too large for one device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

Found = TypeVar("Found")


@dataclass(frozen=True)
class Ranks:
    """The processes of a stage, as one of them sees them; torch.distributed connects them."""

    number: int = 0
    """Of this process, from 0; the first one alone writes files and speaks to the run."""
    count: int = 1
    device: str = "cpu"
    """Where this process computes: `cuda` is the device that it was given."""
    sharded: bool = False
    """Whether each keeps no more than its share of the blocks of large models, so that all have to
    take part whenever such a model reads something."""

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.number == 0

    def add_up(self, tensor: Tensor) -> Tensor:
        """Put the sum over the processes in the place of a tensor that each has, and return it."""
        if self.count > 1:
            import torch

            torch.distributed.all_reduce(tensor)
        return tensor

    def from_first(self, found: Found) -> Found:
        """What the first process found, in the place of what each found."""
        if self.count == 1:
            return found
        import torch

        box = [found]
        torch.distributed.broadcast_object_list(box, src=0, device=torch.device(self.device))
        return box[0]


ALONE = Ranks()
