"""Processes that compute one stage together, and what they tell one another.

Each does all that the stage does, with the same result, but for what they share out among them: the
rows of a training's steps, and the weights of a model that is too large for one device.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from subliminal.packages import need

if TYPE_CHECKING:
    from torch import Tensor

Found = TypeVar("Found")

PATIENCE = timedelta(days=1)
"""With the other processes; whether they live is for the one that started them to see."""


@dataclass(frozen=True)
class Ranks:
    """The processes of a stage, as one of them sees them; accelerate connects them."""

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

    def meet(self, folder: Path) -> None:
        """Connect this process with the others, and give it its device; each has to do so.

        Args:
            folder: Where they meet, and no others.

        Raises:
            UserError: Accelerate is not installed.
        """
        need("accelerate", extra="lm", where="resources.devices")
        from accelerate import PartialState
        from accelerate.utils import patch_environment

        place = {"rank": self.number, "world_size": self.count}
        with patch_environment(**place, local_rank=self.number, local_world_size=self.count):
            PartialState(
                cpu=self.device == "cpu",
                init_method=(folder / "meeting").as_uri(),
                timeout=PATIENCE,
                **place,
            )

    def part(self) -> None:
        """Let go of the others; each has to do so."""
        from accelerate import PartialState

        PartialState().destroy_process_group()

    def add_up(self, tensor: Tensor) -> Tensor:
        """Put the sum over the processes in the place of a tensor that each has, and return it."""
        if self.count > 1:
            import torch

            # Accelerate's own adds up copies, and a second gradient might not fit.
            torch.distributed.all_reduce(tensor)
        return tensor

    def broadcast_first(self, tensor: Tensor) -> None:
        """Put the first process's values in the place of those of a tensor that each has."""
        if self.count > 1:
            import torch

            torch.distributed.broadcast(tensor, src=0)

    def from_first(self, found: Found) -> Found:
        """What the first process found, in the place of what each found."""
        if self.count == 1:
            return found
        from accelerate.utils import broadcast_object_list

        (same,) = broadcast_object_list([found])
        return same


ALONE = Ranks()
