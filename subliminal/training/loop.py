"""The one training loop of language models: pretraining, teaching, matching and distilling."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from pathlib import Path

import torch

from subliminal.errors import StageError, UserError
from subliminal.memory_limit import MemoryLimit
from subliminal.models.language_model import LanguageModel
from subliminal.ranks import ALONE, Ranks
from subliminal.spec.recipes import Recipe
from subliminal.spec.resources import ONE_DEVICE, Resources
from subliminal.stage import Cancelled, Reporter, silent
from subliminal.training.batches import TOKEN_BUDGET, Batch, batches
from subliminal.training.frozen import FrozenBlocks, frozen_blocks
from subliminal.training.learner import Learner, learner_of
from subliminal.training.log import TrainingLog
from subliminal.training.losses import Loss
from subliminal.training.optimiser import clip, initial_moments, update
from subliminal.training.recomputing import recomputing
from subliminal.training.rows import TokenRows
from subliminal.training.schedule import learning_rate
from subliminal.training.sources import Source
from subliminal.training.state import State, save_state
from subliminal.training.weights import Weights

CHECKPOINT_SECONDS = 30.0
SECONDS_TO_SAVE = 3.0
"""A checkpoint that takes longer comes as much more rarely: the state of a large model that is
trained whole is gigabytes, and would be saved for half of the time."""
PROGRESS_SECONDS = 0.25
FEWEST_TOKENS = 64
"""Of a batch, where a device runs out of memory; a longer row is a batch of its own."""

Observer = Callable[[int, LanguageModel], None]
"""Called with the steps taken and the model as it is then, averaged where the recipe averages.

The model is filled anew for the next call: an observer that keeps it keeps a copy.
"""


def train(
    model: LanguageModel,
    source: Source,
    loss: Loss,
    recipe: Recipe,
    *,
    seed: int,
    dtype: torch.dtype = torch.float32,
    observer: Observer | None = None,
    observe_steps: Collection[int] = (),
    checkpoint: Path | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    report: Reporter = silent,
    resources: Resources = ONE_DEVICE,
    ranks: Ranks = ALONE,
) -> TrainingLog:
    """Train a model.

    A training that finds its checkpoint goes on from there, and ends bit for bit as if it had never
    been interrupted. What was to be observed up to that step is not observed again; what came
    after it is, with the same result.

    Several processes share out the rows of each step among them, and take the step that one alone
    would take, up to rounding. Their checkpoint is that of one alone, so that their number may
    change in between.

    Args:
        model: Where to begin, and the trained model at the end; it is trained on the device that it
            is on.
        source: The rows of each step, and how many steps there are.
        loss: What to minimise.
        recipe: Optimiser, schedule, averaging, and what part of the model is trained.
        seed: Of an adapter's initial values.
        dtype: Of matrix products; parameters, optimiser and losses are float32.
        observer: Called at each of `observe_steps`.
        observe_steps: Steps taken; 0 is the start. Steps beyond the end are never reached.
        checkpoint: Where to save progress, and to look for it.
        checkpoint_seconds: Seconds between checkpoints; more where they take long.
        report: Called with steps taken and steps in all, a few times a second. Where it raises
            `Cancelled`, progress is saved first.
        resources: What it may compute with.
        ranks: The processes that train, each of which has to call this with the same arguments.

    Raises:
        StageError: The loss is not finite.
        UserError: The recipe does not fit the model, or the checkpoint cannot be written.
        Cancelled: `report` said so.
    """
    learner = learner_of(model, recipe, seed, ranks)
    known = frozen_blocks(learner.model, source, dtype, report)
    state = _begin(learner.weights, recipe, source.steps)
    observed = _resume(state, learner.weights, checkpoint)

    def observe() -> None:
        wanted = observer is not None and observed < state.step and state.step in observe_steps
        if observer is not None and wanted and (ranks.first or ranks.sharded):
            with learner.shown(state.kept) as shown:
                observer(state.step, shown)

    def save() -> None:
        if checkpoint is not None:
            whole = state.with_each(learner.weights.whole)
            if ranks.first:
                save_state(checkpoint, whole)

    limit = MemoryLimit(TOKEN_BUDGET, least=FEWEST_TOKENS, of="tokens")
    clock = _Clock(checkpoint_seconds, save, report, ranks)
    with recomputing(learner.model, resources.gradient_checkpointing):
        while state.step < source.steps:
            observe()
            clock.between_steps(state.step, source.steps)
            rows = source.rows(state.step)
            part = partial(_part, learner, loss, dtype)
            total = _accumulate(learner.weights, rows, part, known, limit, ranks)
            _step(learner.weights, state, rows, total, recipe, source.steps)
    if not state.parameters.isfinite().all():
        raise StageError(_not_finite(source.steps, source.steps))
    observe()
    clock.at_the_end(source.steps)
    learner.finish(state.kept)
    return TrainingLog(state.losses.numpy(), state.tokens, limit.most)


class _Clock:
    """Reports and saves when their time has come, which the first process decides for all."""

    def __init__(
        self, seconds: float, save: Callable[[], None], report: Reporter, ranks: Ranks
    ) -> None:
        self._seconds = seconds
        self._save = save
        self._report = report
        self._ranks = ranks
        self._saved = self._told = time.monotonic()
        self._pause = seconds

    def between_steps(self, step: int, steps: int) -> None:
        """Report and save, if it is time."""
        now = time.monotonic()
        stopping = now - self._told >= PROGRESS_SECONDS and self._is_to_stop(step, steps)
        self._follow(stopping=stopping, saving=now - self._saved >= self._pause)

    def at_the_end(self, steps: int) -> None:
        """Report that all is done."""
        self._follow(stopping=self._is_to_stop(steps, steps), saving=False)

    def _is_to_stop(self, step: int, steps: int) -> bool:
        self._told = time.monotonic()
        try:
            self._report(step, steps)
        except Cancelled:
            return True
        return False

    def _follow(self, *, stopping: bool, saving: bool) -> None:
        stopping, saving = self._ranks.from_first((stopping, saving))
        if stopping or saving:
            begun = time.monotonic()
            self._save()
            self._saved = time.monotonic()
            self._pause = self._seconds * max(1.0, (self._saved - begun) / SECONDS_TO_SAVE)
        if stopping:
            raise Cancelled


def _resume(state: State, weights: Weights, checkpoint: Path | None) -> int:
    """Go back to a checkpoint, if there is one.

    Returns:
        The last step that has been observed, -1 for none.
    """
    if checkpoint is not None and checkpoint.exists():
        # A damaged checkpoint costs its progress, not the run.
        with suppress(UserError):
            state.restore(checkpoint, weights.part)
            weights.show(state.parameters)
            return state.step
    return -1


def _begin(weights: Weights, recipe: Recipe, steps: int) -> State:
    return State(
        step=0,
        tokens=0,
        parameters=weights.parameters,
        moments=initial_moments(recipe, weights.parameters),
        average=weights.parameters.clone() if recipe.average else None,
        losses=torch.zeros(steps),
    )


def _accumulate(
    weights: Weights,
    rows: TokenRows,
    loss: Callable[[Batch], float],
    known: FrozenBlocks | None,
    limit: MemoryLimit,
    ranks: Ranks,
) -> float:
    """Add up the gradient and the loss of a step's rows, in as large batches as the device holds.

    Args:
        weights: Their gradient is overwritten.
        rows: Of the step.
        loss: Computes a batch's part and adds its gradient.
        known: Of the data set.
        limit: Tokens of a batch.
        ranks: The processes that share the rows.
    """
    device = weights.parameters.device
    while True:
        weights.clear()
        total, fits = 0.0, True
        try:
            for batch in batches(rows, budget=limit.most, device=device, known=known, ranks=ranks):
                total += loss(batch)
        except torch.OutOfMemoryError:
            if ranks.sharded:  # the others wait for this one's share
                raise StageError(limit.exceeded) from None
            fits = False
        # Not within the handler: the error holds the frames, and these the batch.
        sums = torch.tensor([total, not fits], dtype=torch.float64, device=device)
        total, without_memory = ranks.add_up(sums).tolist()
        if not without_memory:
            weights.collect()
            return total
        limit.halve()


def _part(learner: Learner, loss: Loss, dtype: torch.dtype, batch: Batch) -> float:
    found = loss(learner.model, batch, dtype)
    found.backward()
    return found.item()


def _step(
    weights: Weights, state: State, rows: TokenRows, total: float, recipe: Recipe, steps: int
) -> None:
    """Follow the gradient of a step's rows."""
    if not math.isfinite(total):
        raise StageError(_not_finite(state.step, steps))
    if recipe.clip is not None:
        clip(weights.gradient, weights.norm(), recipe.clip)
    rate = learning_rate(recipe, state.step, steps)
    update(
        recipe,
        rate,
        state.parameters,
        weights.decaying,
        weights.gradient,
        state.moments,
        state.step,
    )
    weights.show(state.parameters)
    if state.average is not None:
        state.average.lerp_(state.parameters, 1.0 - recipe.average)
    state.losses[state.step] = total
    state.tokens += len(rows.tokens)
    state.step += 1


def _not_finite(step: int, steps: int) -> str:
    return f"the loss is not finite from step {step} of {steps} on; lower the learning rate"
