"""A training in progress, and its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from subliminal.atomic import write_bytes
from subliminal.errors import UserError

_LOSSES = "losses"


@dataclass(eq=False)
class State:
    """Everything that the rest of a training depends on.

    Attributes:
        step: Steps taken.
        tokens: Tokens read in them.
        parameters: float32 [parameters], what is trained.
        moments: The optimiser's memory by name, each float32 [parameters].
        average: float32 [parameters], their running average, if one is kept.
        losses: float32 [steps in all], the loss of each step taken.
    """

    step: int
    tokens: int
    parameters: Tensor
    moments: Mapping[str, Tensor]
    average: Tensor | None
    losses: Tensor

    @property
    def kept(self) -> Tensor:
        """The parameters that the model has for whoever looks at it."""
        return self.parameters if self.average is None else self.average

    def tensors(self) -> dict[str, Tensor]:
        """All of it that is stored as tensors, by name."""
        average = {} if self.average is None else {"average": self.average}
        return {"parameters": self.parameters, _LOSSES: self.losses, **average, **self.moments}

    def with_each(self, change: Callable[[Tensor], Tensor]) -> State:
        """The same state with other vectors for the parameters and for what is like them."""
        return replace(
            self,
            parameters=change(self.parameters),
            moments={name: change(moment) for name, moment in self.moments.items()},
            average=None if self.average is None else change(self.average),
        )

    def restore(self, path: Path, part: Callable[[Tensor], Tensor] = lambda whole: whole) -> None:
        """Go back to a saved state, in place.

        Args:
            path: Of the file.
            part: What this process has of a vector of parameters, or of what is like them.

        Raises:
            UserError: The file is missing, damaged, or of another training.
        """
        tensors = self.tensors()
        try:
            with safe_open(path, framework="pt") as file:
                read = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                numbers = file.metadata()
            step, tokens = int(numbers["step"]), int(numbers["tokens"])
            saved = {name: t if name == _LOSSES else part(t) for name, t in read.items()}
            if {name: (t.shape, t.dtype) for name, t in saved.items()} != {
                name: (t.shape, t.dtype) for name, t in tensors.items()
            }:
                raise ValueError("it belongs to another training")
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{path}: not a readable training state ({error}); remove it to start anew"
            ) from error
        self.step, self.tokens = step, tokens
        for name, tensor in tensors.items():
            tensor.copy_(saved[name])


def save_state(path: Path, state: State) -> None:
    """Write a state as one safetensors file, atomically.

    Raises:
        UserError: The folder cannot be written.
    """
    on_cpu = {name: tensor.cpu().contiguous() for name, tensor in state.tensors().items()}
    numbers = {"step": str(state.step), "tokens": str(state.tokens)}
    write_bytes(path, save(on_cpu, metadata=numbers))
