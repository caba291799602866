"""A training in progress, and its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mnist_toy.optimiser import initial_moments
from subliminal.atomic import write_bytes
from subliminal.errors import UserError
from subliminal.spec.mnist import Training


@dataclass(eq=False)
class State:
    """Everything that the rest of a training depends on, for a stack of models.

    Attributes:
        step: Steps taken.
        parameters: float32 [models, parameters].
        moments: The optimiser's memory by name, each float32 [models, parameters].
        failed_at: int64 [models], the first step with a loss that is not finite, or -1.
    """

    step: int
    parameters: Tensor
    moments: Mapping[str, Tensor]
    failed_at: Tensor

    def to(self, device: torch.device, copy: bool = False) -> State:
        """Bring to a device; `copy` it even if it is there already."""
        return self._map(lambda tensor: tensor.to(device, copy=copy))

    def select(self, models: Sequence[int]) -> State:
        """Copy some of the models, in the given order."""
        return self._map(lambda tensor: tensor[list(models)])

    def _map(self, change: Callable[[Tensor], Tensor]) -> State:
        moments = {name: change(tensor) for name, tensor in self.moments.items()}
        return State(self.step, change(self.parameters), moments, change(self.failed_at))


def start(recipe: Training, parameters: Tensor) -> State:
    """Begin a training from these models, float32 [models, parameters]."""
    failed_at = torch.full((len(parameters),), -1, device=parameters.device)
    return State(0, parameters, initial_moments(recipe, parameters), failed_at)


def stack(states: Sequence[State]) -> State:
    """Put states of equal step into one stack."""
    if len({state.step for state in states}) != 1:
        raise ValueError("only states at the same step can be stacked")
    first = states[0]
    return State(
        first.step,
        torch.cat([state.parameters for state in states]),
        {name: torch.cat([state.moments[name] for state in states]) for name in first.moments},
        torch.cat([state.failed_at for state in states]),
    )


def save_state(path: Path, state: State) -> None:
    """Write a state as one safetensors file, atomically.

    Raises:
        UserError: The folder cannot be written.
    """
    tensors = {"parameters": state.parameters, "failed_at": state.failed_at, **state.moments}
    on_cpu = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    write_bytes(path, save(on_cpu, metadata={"step": str(state.step)}))


def load_state(path: Path) -> State:
    """Read a state written by `save_state`, onto the cpu.

    Raises:
        UserError: The file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            step = int(file.metadata()["step"])
        return State(step, tensors.pop("parameters"), tensors, tensors.pop("failed_at"))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path}: not a readable training state ({error}); remove it to start anew"
        ) from error
