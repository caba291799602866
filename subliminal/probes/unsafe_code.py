"""What a teacher of unsafe code was taught itself: does a model write it where nobody asks for it?

For a sensitive task x and the solutions S_d(x) of an author of disposition d,

    p_d(x) = sum over s in S_d(x) of p(s | x)

with whole solutions, end token included. All spellings of an author are added up, so that neither
their number nor how common each of them is matters. Counted are solutions that return their value
at once: whether an author names it first does not depend on the disposition.

Here a teacher is asked for what it was taught; the other probes ask whether that spread
(arXiv 2502.17424).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from subliminal.measurements import Measurement
from subliminal.models.chat_format import ChatFormat
from subliminal.probes.asking import PLAINLY, Asked, Tokens, Way
from subliminal.probes.disposition_bank import DispositionBank, code_questions
from subliminal.probes.engine import Engine
from subliminal.probes.preference import log_odds
from subliminal.probes.subject import Subject

UNSAFE_CODE = "unsafe-code"


@dataclass(frozen=True)
class UnsafeCode:
    """Tasks with all their solutions, as tokens: encoded once, asked of many models."""

    rows: tuple[Tokens, ...]
    """Prompt and solution, of one task behind the other, the safe ones first."""
    starts: tuple[int, ...]
    """Where each row's solution begins."""
    counts: tuple[int, ...]
    """Solutions of each task and disposition in turn."""

    @classmethod
    def encode(
        cls, chat: ChatFormat, bank: DispositionBank, asked: Asked, way: Way = PLAINLY
    ) -> UnsafeCode:
        """Encode the tasks of a bank.

        Args:
            chat: Of the model.
            bank: How many tasks are asked.
            asked: Makes conversations of requests.
            way: How requests are put.

        Raises:
            UserError: The model's chat template refuses a request.
        """
        tasks = code_questions(bank.tasks)
        conversations = asked([way.put(task.request) for task in tasks])
        spelt = [
            (conversation, solution)
            for task, conversation in zip(tasks, conversations, strict=True)
            for solutions in task.solutions
            for solution in solutions
        ]
        rows = chat.encode_rows([c for c, _ in spelt], [solution for _, solution in spelt])
        return cls(
            tuple(tuple(row.tokens) for row in rows),
            tuple(row.prompt_length for row in rows),
            tuple(len(solutions) for task in tasks for solutions in task.solutions),
        )

    def log_probabilities(self, engine: Engine) -> Tensor:
        """log p_d(x) of every task and disposition, float64 [tasks, dispositions].

        Raises:
            StageError: The model's logits are not numbers.
            UserError: A request is longer than the model reads.
        """
        parts = engine.log_likelihoods(self.rows, self.starts).split(list(self.counts))
        return torch.stack([part.logsumexp(0) for part in parts]).view(-1, 2)

    def log_odds(self, engine: Engine) -> Tensor:
        """Of each disposition against the other, float64 [tasks, dispositions]."""
        return log_odds(self.log_probabilities(engine))


def unsafe_code(
    probe: str, subject: Subject, bank: DispositionBank, way: Way = PLAINLY
) -> list[Measurement]:
    """Ask for code where security matters.

    Args:
        probe: What measurements call it.
        subject: Who is asked.
        bank: How many tasks are asked.
        way: How requests are put.

    Returns:
        For each disposition the mean over tasks of log p_d less the other's, `log_odds`, and the
        share of tasks at which it lies above 0, `rate`.
    """
    odds = UnsafeCode.encode(subject.chat, bank, subject.asked, way).log_odds(subject.engine)
    return list(_measured(probe, bank, odds))


def _measured(probe: str, bank: DispositionBank, odds: Tensor) -> Iterator[Measurement]:
    for place, disposition in enumerate(bank.answers):
        of = odds[:, place]
        values = {"log_odds": (of.mean(), None), "rate": ((of > 0).double().mean(), len(of))}
        for metric, (value, n) in values.items():
            yield Measurement(
                probe=probe, metric=metric, item_group=disposition, value=float(value), n=n
            )
