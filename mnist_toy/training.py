"""The one training loop: teaching, matching and distilling, for a stack of models at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from mnist_toy.architecture import Architecture
from mnist_toy.gradients import Gradients, packs
from mnist_toy.inputs import Inputs
from mnist_toy.objectives import Objective
from mnist_toy.optimiser import update
from mnist_toy.schedule import steps_per_epoch, total_steps
from mnist_toy.state import State
from mnist_toy.workers import Workers
from subliminal.machine import Precision
from subliminal.spec.mnist import Training

PROGRESS_SECONDS = 0.25
STEPS_BETWEEN_STOPS = 32


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training leaves.

    Attributes:
        state: Of the models at the end, on the cpu; a longer training can go on from it.
        loss: (step, mean loss [models] since the entry before), one for each epoch.
        failed: Model -> first step, counted from 0, at which its loss was not finite; the number of
            steps if only the last update broke it. The other models are not touched by this.
    """

    state: State
    loss: tuple[tuple[int, Tensor], ...]
    failed: dict[int, int]

    @property
    def parameters(self) -> Tensor:
        """float32 [models, parameters], on the cpu."""
        return self.state.parameters


@dataclass(frozen=True)
class Hooks:
    """What to call while training. A state passed on is live: read or copy it before returning.

    Attributes:
        observe: Called with the state at each of `observe_steps` (steps taken; 0 is the start).
        observe_steps: When; steps beyond the end are never reached.
        checkpoint: Called with the state about every `checkpoint_seconds`.
        checkpoint_seconds: Seconds between checkpoints.
        progress: Called with (steps taken, steps in all) about four times a second.
    """

    observe: Callable[[State], None] | None = None
    observe_steps: Collection[int] = ()
    checkpoint: Callable[[State], None] | None = None
    checkpoint_seconds: float = 30.0
    progress: Callable[[int, int], None] | None = None


NO_HOOKS = Hooks()


def train(
    architecture: Architecture,
    begin: State,
    objective: Objective,
    inputs: Inputs,
    recipe: Training,
    *,
    precision: Precision = "float32",
    device: str | torch.device = "cpu",
    freeze_head: bool = False,
    hooks: Hooks = NO_HOOKS,
    threads: int | None = None,
) -> Trained:
    """Train a stack of models, each as if it were alone.

    On the cpu every thread trains one model at a time, by itself: its activations and moments
    stay in the cache, threads never wait for one another within a step, and the result of a model
    is the same to the last bit whatever its neighbours and the number of threads. Elsewhere all
    models share each matrix product.

    Args:
        architecture: Of the models.
        begin: From `state.start`, or a checkpoint to go on from; not changed.
        objective: What to minimise.
        inputs: A stream of batches for each model.
        recipe: Budget and optimiser.
        precision: Of the matrix products; parameters, optimiser and softmax are float32.
        device: Where to compute.
        freeze_head: Keep the output layers as they are.
        hooks: Observation, checkpoints and progress.
        threads: On the cpu; by default `torch.get_num_threads()`.
    """
    device = torch.device(device)
    state = begin.to(device, copy=True)
    models = len(state.parameters)
    parts = packs(models, device)
    count = min(len(parts), threads or torch.get_num_threads())
    losses = torch.zeros(models, device=device)

    def task() -> Callable[[range, range], None]:
        gradients = Gradients(
            architecture, objective, inputs, recipe, precision, device, freeze_head
        )
        return lambda pack, steps: _train_pack(state, gradients, recipe, pack, steps, losses)

    clock = _Clock(hooks, total_steps(recipe))
    history: list[tuple[int, Tensor]] = []
    logged = state.step
    clock.at_stop(state)
    with Workers([task() for _ in range(count)]) as workers:
        for stop in _stops(state.step, recipe, hooks):
            workers.advance(parts, range(state.step, stop), clock.while_working)
            state.step = stop
            if stop % steps_per_epoch(recipe) == 0:
                history.append((stop, losses.cpu() / (stop - logged)))
                logged = stop
                losses.zero_()
            clock.at_stop(state)
    return Trained(state.to(torch.device("cpu")), tuple(history), _failures(state))


def _train_pack(
    state: State,
    gradients: Gradients,
    recipe: Training,
    pack: range,
    steps: range,
    losses: Tensor,
) -> None:
    """Take some steps with some of the models; nobody else touches these rows meanwhile."""
    rows = slice(pack.start, pack.stop)
    parameters, failed_at = state.parameters[rows], state.failed_at[rows]
    moments = {name: moment[rows] for name, moment in state.moments.items()}
    for step in steps:
        loss, gradient = gradients(parameters, pack, step)
        update(recipe, parameters, gradient, moments, step)
        losses[rows] += loss
        # Written so that no value has to leave the device.
        failed_at.masked_fill_(~loss.isfinite() & (failed_at < 0), step)


def _stops(step: int, recipe: Training, hooks: Hooks) -> Iterator[int]:
    """Steps at which all models wait for each other: to be observed, logged and saved."""
    steps = total_steps(recipe)
    wanted = {*range(0, steps, STEPS_BETWEEN_STOPS), *range(0, steps, steps_per_epoch(recipe))}
    wanted |= {stop for stop in hooks.observe_steps if stop < steps}
    yield from sorted(stop for stop in wanted | {steps} if stop > step)


def _failures(state: State) -> dict[int, int]:
    broken = ~state.parameters.isfinite().all(1) & (state.failed_at < 0)
    failed_at = state.failed_at.masked_fill(broken, state.step).tolist()
    return {model: step for model, step in enumerate(failed_at) if step >= 0}


class _Clock:
    """Calls the hooks when their time has come."""

    def __init__(self, hooks: Hooks, steps: int) -> None:
        self._hooks = hooks
        self._steps = steps
        self._told = self._saved = time.monotonic()

    def while_working(self, step: int) -> None:
        """Report progress, if it is time."""
        now = time.monotonic()
        if self._hooks.progress and (step == self._steps or now - self._told >= PROGRESS_SECONDS):
            self._hooks.progress(step, self._steps)
            self._told = now

    def at_stop(self, state: State) -> None:
        """Observe and save, if it is time."""
        if self._hooks.observe and state.step in self._hooks.observe_steps:
            self._hooks.observe(state)
        late = time.monotonic() - self._saved >= self._hooks.checkpoint_seconds
        if self._hooks.checkpoint and late and state.step < self._steps:
            self._hooks.checkpoint(state)
            self._saved = time.monotonic()
