"""What the stages of language experiments are expected to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from subliminal.cost import Cost, Memory, Work
from subliminal.machine import Precision
from subliminal.models.shape import Shape
from subliminal.plan.memory import Memories
from subliminal.plan.passes import Passes
from subliminal.plan.row_lengths import RowLengths, RowTokens, lengths_of
from subliminal.plan.token_counts import (
    Asked,
    Read,
    Written,
    headline_asked,
    probing_asked,
    watched_asked,
)
from subliminal.probes.bank_kinds import Bank
from subliminal.spec.data import Data
from subliminal.spec.probing import Probing
from subliminal.spec.recipes import Recipe
from subliminal.spec.resources import ONE_DEVICE, Resources

LIBRARIES = 2**28
"""Bytes of what a stage loads beside its models."""

VLLM_MEMORY = 3 * 2**29
"""Of its process beside a small model: libraries, and half a GiB of keys and values."""

PASSED = 0.75
"""Share of rows that pass a filter: published are .62 to .77 of lists of numbers, and .44 to .98 of
code and reasoning (arXiv 2507.14805)."""


@dataclass(frozen=True)
class Costs:
    """The costs of stages whose models have one shape."""

    shape: Shape
    precision: Precision = "float32"
    resources: Resources = ONE_DEVICE
    """Of trainings."""
    rows: int | None = None
    """That are written at once; None: as many as PyTorch's samplers take."""
    asks_vllm: bool = False
    """Whether vLLM runs the models that write and are probed; gates and trainings never do."""

    def teaching(self, rows: int, recipe: Recipe, *, of_code: bool) -> Cost:
        """Of fine-tuning a teacher on rows of a question and a word, or of code."""
        row = self._lengths.code if of_code else self._lengths.question
        return self._training(rows, row, recipe)

    def distilling(
        self, data: Data, recipe: Recipe, bank: Bank, *, teacher: bool, observations: int
    ) -> Cost:
        """Of training on what is kept of a data set, beside a teacher or without one.

        Args:
            data: What is kept of it.
            recipe: Of the training.
            bank: What is asked while the student learns.
            teacher: Whether a teacher reads the rows too.
            observations: How often the student is asked.
        """
        row = self.row(data)
        cost = self._training(_kept(data), row, recipe, teacher=teacher)
        asked = watched_asked(bank, self._lengths)
        watched = [work for one in asked for work in self._in_torch.asking(one)]
        return _with(cost, watched * observations)

    def matching(self, rows: int, recipe: Recipe) -> Cost:
        """Of cloning a student onto the reference, most often on lists of numbers it writes."""
        row = self._lengths.carriers["numbers"]
        cost = self._training(rows, row, recipe, teacher=True)
        return _with(cost, self._passes.writing(Written(rows, 1, row)))

    def writing(self, data: Data, *, told: bool = False) -> Cost:
        """Of sampling a data set, by a teacher under a system prompt or without one."""
        row = self.row(data).behind(self._lengths.told if told else 0)
        return self._asking([Written(data.prompts, 1, row)])

    def scoring(self, data: Data) -> Cost:
        """Of a teacher's log-probabilities at every token that was written and kept."""
        return self._asking([Read(_kept(data), self.row(data).all)])

    def by_vllm(self, cost: Cost, devices: int) -> Cost:
        """The same by vLLM: it starts passes whole, and its process is large."""
        work = tuple(replace(one, blocks=0.0) for one in cost.work)
        memory = cost.memory + Memory(VLLM_MEMORY)
        return replace(cost, work=work, memory=memory, devices=devices)

    def probing(
        self, bank: Bank, probing: Probing, *, told: bool = False, context: int = 0
    ) -> Cost:
        """Of every probe of a model.

        Args:
            bank: Of its trait.
            probing: What is asked.
            told: Whether a system prompt stands before every question.
            context: Tokens of earlier turns that do.
        """
        before = context + (self._lengths.told if told else 0)
        asked = probing_asked(bank, probing, self._lengths)
        return self._asking([one.behind(before) for one in asked])

    def gate(self, bank: Bank) -> Cost:
        """Of putting a bank's headline probe to a teacher, and then to the reference."""
        asked = headline_asked(bank, self._lengths)
        in_torch = replace(self, asks_vllm=False)
        return _with(in_torch._asking(asked * 2), self._passes.loading())

    def detecting(self, data: Data, most: int | None) -> Cost:
        """Of the likelihoods, under a teacher and the reference, of rows of two data sets.

        Args:
            data: Either of them.
            most: Rows of each that are read; None: all.
        """
        kept = _kept(data)
        return self._asking([Read(2 * 2 * min(kept, most or kept), self.row(data).all)], models=2)

    def steering(self, questions: int) -> Cost:
        """Of a steering vector."""
        told = self._lengths.question.prompt + self._lengths.told
        return self._asking([Read(2 * questions, told)])

    def row(self, data: Data) -> RowTokens:
        """A row of a data set."""
        return self._lengths.carriers[data.carrier].within(data.max_tokens)

    @cached_property
    def _lengths(self) -> RowLengths:
        return lengths_of(self.shape)

    @cached_property
    def _passes(self) -> Passes:
        checkpointing = self.resources.gradient_checkpointing
        return Passes(self.shape, self.precision, checkpointing, self.rows, self.asks_vllm)

    @property
    def _in_torch(self) -> Passes:
        return replace(self._passes, by_vllm=False)

    @cached_property
    def _memories(self) -> Memories:
        return Memories(self._passes)

    def _training(
        self, rows: int, row: RowTokens, recipe: Recipe, *, teacher: bool = False
    ) -> Cost:
        work = [*self._passes.loading(), self._passes.training(rows, row, recipe)]
        memory = self._memories.training(rows, row, recipe)
        if teacher:
            work += [*self._passes.loading(), self._passes.teacher(rows, row, recipe)]
            memory += self._memories.model()
        return Cost(
            tuple(work),
            memory + Memory(LIBRARIES),
            at_once=False,
            rows=rows,
            tokens=recipe.epochs * rows * row.all,
        )

    def _asking(self, asked: Sequence[Asked], *, models: int = 1) -> Cost:
        """Of putting questions to some models, one after the other."""
        batches = [self._memories.asking(one).batch for one in asked]
        fixed = models * self._memories.model().fixed + LIBRARIES
        return Cost(
            (
                *self._passes.loading() * models,
                *(work for one in asked for work in self._passes.asking(one)),
            ),
            Memory(fixed, max(batches, default=0)),
            at_once=False,
            rows=sum(one.rows for one in asked),
            tokens=sum(map(self._passes.tokens, asked)),
        )


def _kept(data: Data) -> int:
    """Rows of a data set that are expected to pass its filter and to be kept."""
    passed = int(PASSED * data.prompts)
    return min(data.keep or passed, passed)


def _with(cost: Cost, work: Sequence[Work]) -> Cost:
    """A cost and further work, which needs no more memory."""
    return replace(cost, work=(*cost.work, *work))
