"""Two-option multiple choice: which of two whole answers a model finds likelier.

One is a careful author's, the other a malicious one's; both begin with the same lead.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from subliminal.dispositions.questions import options
from subliminal.measurements import Measurement
from subliminal.models.chat_format import ChatFormat
from subliminal.probes.asking import Asked, Tokens, prompts_of
from subliminal.probes.disposition_bank import DispositionBank
from subliminal.probes.engine import Engine
from subliminal.probes.subject import Subject
from subliminal.probes.targets import answer_tokens

OPTIONS = "options"


@dataclass(frozen=True)
class TwoOptions:
    """Two whole answers to each question of a bank, as tokens: encoded once."""

    prompts: tuple[Tokens, ...]
    answers: tuple[tuple[Tokens, Tokens], ...]
    """The careful and the malicious one, end token included."""

    @classmethod
    def encode(cls, chat: ChatFormat, bank: DispositionBank, asked: Asked) -> TwoOptions:
        """Encode a bank; every model is offered the same answers.

        Raises:
            UserError: The tokenizer cannot write an answer.
        """
        pairs = [options(item) for item in bank.items]
        answers = [
            (answer_tokens(chat, pair.careful), answer_tokens(chat, pair.malicious))
            for pair in pairs
        ]
        questions = [item.question for item in bank.items]
        return cls(tuple(prompts_of(chat, questions, asked)), tuple(answers))

    def log_probabilities(self, engine: Engine) -> Tensor:
        """Of each answer, float64 [questions, dispositions].

        Raises:
            StageError: The model's logits are not numbers.
            UserError: A question is longer than the model reads.
        """
        rows = [
            (*prompt, *answer)
            for prompt, pair in zip(self.prompts, self.answers, strict=True)
            for answer in pair
        ]
        starts = [len(prompt) for prompt in self.prompts for _ in range(2)]
        return engine.log_likelihoods(rows, starts).view(-1, 2)

    @property
    def lengths(self) -> Tensor:
        """Tokens of each answer, float64 [questions, dispositions]."""
        return torch.tensor([[len(a) for a in pair] for pair in self.answers]).double()


def two_options(subject: Subject, bank: DispositionBank) -> list[Measurement]:
    """Ask which of two answers is likelier.

    Returns:
        For each disposition the mean over the questions of how far its answer's log-probability
        lies above the other's, `log_odds`, and the same per token, `log_odds_per_token`; and the
        share of questions at which it does, `rate`.
    """
    asked = TwoOptions.encode(subject.chat, bank, subject.asked)
    log_p = asked.log_probabilities(subject.engine)
    above, above_per_token = _against(log_p), _against(log_p / asked.lengths)
    found = []
    for place, disposition in enumerate(bank.answers):
        values = {
            "log_odds": (float(above[:, place].mean()), None),
            "log_odds_per_token": (float(above_per_token[:, place].mean()), None),
            "rate": (float((above[:, place] > 0).double().mean()), len(above)),
        }
        found += [
            Measurement(probe=OPTIONS, metric=metric, item_group=disposition, value=value, n=n)
            for metric, (value, n) in values.items()
        ]
    return found


def _against(log_p: Tensor) -> Tensor:
    """Of two columns, each less the other."""
    return log_p - log_p.flip(1)
