"""Train the models of a lot together, saving progress so that a killed run loses seconds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from mnist_toy.architecture import Architecture
from mnist_toy.inputs import Inputs
from mnist_toy.models import save_model
from mnist_toy.objectives import Objective
from mnist_toy.observer import Observer
from mnist_toy.schedule import total_steps
from mnist_toy.state import State, load_state, save_state, stack, start
from mnist_toy.training import Hooks, train
from subliminal import machine
from subliminal.errors import UserError
from subliminal.machine import Precision
from subliminal.measurements import Observed, read_curve, write_curve
from subliminal.spec.mnist import Training
from subliminal.stage import Done, Failed, Reporter, Task

STATE = "state.safetensors"


@dataclass(frozen=True, eq=False)
class Lot:
    """Models of one condition and all that their training needs.

    Functions of `chosen` are given places in the lot, and answer for these models only: models
    that resume from different steps are trained apart.
    """

    tasks: Sequence[Task]
    architecture: Architecture
    start: Tensor
    """float32 [models, parameters]."""
    recipe: Training
    objective: Callable[[Sequence[int]], Objective]
    inputs: Callable[[Sequence[int]], Inputs]
    precision: Precision
    freeze_head: bool = False
    observer: Observer | None = None
    observe_steps: Sequence[int] = field(default=())


def train_lot(lot: Lot, report: Reporter) -> Iterator[Done | Failed]:
    """Train, going on from saved progress, and fill each model's artifact.

    Yields:
        One outcome for each task; a model whose loss is not finite fails alone.
    """
    begun: defaultdict[int, list[int]] = defaultdict(list)
    states = [_begin(lot, place) for place in range(len(lot.tasks))]
    for place, state in enumerate(states):
        begun[state.step].append(place)
    finished = 0
    for chosen in begun.values():
        part = _Part(lot, chosen, stack([states[place] for place in chosen]), finished, report)
        yield from part.train()
        finished += len(chosen)


class _Part:
    """The models of a lot that are at the same step."""

    def __init__(
        self, lot: Lot, chosen: Sequence[int], begin: State, finished: int, report: Reporter
    ) -> None:
        self._lot, self._chosen, self._begin = lot, chosen, begin
        self._finished, self._report = finished, report
        self._tasks = [lot.tasks[place] for place in chosen]
        self._steps = total_steps(lot.recipe)
        self._curves = [_saved_curve(task, begin.step) for task in self._tasks]

    def train(self) -> Iterator[Done | Failed]:
        lot = self._lot
        trained = train(
            lot.architecture,
            self._begin,
            lot.objective(self._chosen),
            lot.inputs(self._chosen),
            lot.recipe,
            precision=lot.precision,
            device=machine.device(),
            freeze_head=lot.freeze_head,
            hooks=Hooks(
                observe=self._observe,
                observe_steps=lot.observe_steps if lot.observer else (),
                checkpoint=self._checkpoint,
                progress=self._progress,
            ),
        )
        for model, task in enumerate(self._tasks):
            if model in trained.failed:
                yield Failed(task.stage.key, _not_finite(trained.failed[model], self._steps))
                continue
            save_model(task.folder, trained.parameters[model])
            if self._curves[model]:
                write_curve(task.folder, self._curves[model])
            if task.stage.keep_state:
                save_state(task.folder / STATE, trained.state.select([model]))
            yield Done(task.stage.key, {"steps": self._steps})

    def _observe(self, state: State) -> None:
        lot = self._lot
        assert lot.observer is not None  # otherwise there are no steps to observe
        chosen = self._chosen
        seen = lot.observer(chosen, state, lot.objective(chosen), lot.inputs(chosen))
        for curve, rows in zip(self._curves, seen, strict=True):
            if not any(row.step == state.step for row in curve):
                curve.extend(rows)

    def _checkpoint(self, state: State) -> None:
        for model, task in enumerate(self._tasks):
            # The curve first: points beyond the saved step are dropped when it is read again.
            write_curve(task.partial, self._curves[model])
            save_state(task.partial / STATE, state.select([model]))

    def _progress(self, done: int, total: int) -> None:
        models = len(self._lot.tasks)
        share = (self._finished + len(self._tasks) * done / total) / models
        self._report(share, 1.0)


def _begin(lot: Lot, place: int) -> State:
    """The saved progress of a model; else the end of a shorter training; else its start."""
    task = lot.tasks[place]
    begun = _saved_state(task.partial)
    if begun is not None and _curve_is_readable(task):
        return begun
    shorter = None if task.continues is None else _saved_state(task.continues)
    return shorter or start(lot.recipe, lot.start[[place]])


def _saved_state(folder: Path) -> State | None:
    if (folder / STATE).is_file():
        # A damaged checkpoint costs its progress, not the run.
        with suppress(UserError):
            return load_state(folder / STATE)
    return None


def _curve_is_readable(task: Task) -> bool:
    """Whether what was observed up to the checkpoint is there: a curve must not lose its start."""
    try:
        read_curve(task.partial)
    except UserError:
        return False
    return True


def _saved_curve(task: Task, step: int) -> list[Observed]:
    """What was observed up to the step from which a model goes on; nothing at the start."""
    if not (task.partial / STATE).is_file() or not _curve_is_readable(task):
        return []
    return [row for row in read_curve(task.partial) if row.step <= step]


def _not_finite(step: int, steps: int) -> str:
    return f"the loss is not finite from step {step} of {steps} on; lower the learning rate"
