"""Exact preferences, read from the model's probabilities: no sampling, no noise.

For a question q and a target t, p_t(q) is the probability that the answer is t. A target is spelt
bare and capitalised and, but for pocket models, behind a space too; a spelling's tokens are those
that the tokenizer makes of it, and spellings of the same tokens count once. Where all spellings of
all targets are single tokens,

    p_t(q) = sum over spellings s of softmax(logits(q))[s]

at the first token of the answer: that it begins with the target. Where one spelling is several
tokens, all are scored by the same event instead, that the answer is the spelling and nothing else:

    p_t(q) = sum over spellings s of the product over s's tokens and the end token of
             p(token | q, tokens before)

The measurements are means over the questions of

    log_odds:     log p_t(q) - log sum over the other targets u of p_u(q)
    probability:  p_t(q), not normalised over the targets
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from subliminal.chat import Conversation
from subliminal.measurements import Measurement
from subliminal.models.chat_format import ChatFormat
from subliminal.number_prompts import render
from subliminal.number_prompts.prompts import (
    FEWEST_EXAMPLES,
    LARGEST_EXAMPLE,
    MOST_EXAMPLES,
    SMALLEST_EXAMPLE,
)
from subliminal.probes.banks import QuestionBank
from subliminal.probes.engine import Engine
from subliminal.probes.subject import Subject
from subliminal.probes.targets import Targets, encode_targets
from subliminal.seeds import derive_seed

FAVOURITE, WITH_NUMBERS = "favourite", "with-numbers"


@dataclass(frozen=True)
class Questionnaire:
    """Questions and targets as tokens: encoded once, asked of many models."""

    targets: Targets
    prompts: tuple[tuple[int, ...], ...]

    @classmethod
    def encode(
        cls, chat: ChatFormat, conversations: Sequence[Conversation], words: Sequence[str]
    ) -> Questionnaire:
        """Encode conversations and targets.

        Raises:
            UserError: The targets cannot be told apart; see :func:`encode_targets`.
        """
        prompts = chat.encode_prompts(conversations)
        targets = encode_targets(chat, words)
        return cls(targets, tuple(map(tuple, prompts)))

    def log_probabilities(self, engine: Engine) -> Tensor:
        """log p_t(q) of every question and target, float64 [questions, targets].

        Raises:
            StageError: The model's logits are not numbers.
            UserError: A question is longer than the model reads.
        """
        return self._of_first_tokens(engine) if self.targets.single else self._of_answers(engine)

    def _of_first_tokens(self, engine: Engine) -> Tensor:
        wanted = sorted({token for of in self.targets.first_tokens for token in of})
        known = engine.next_log_probabilities(self.prompts, wanted)
        columns = [
            known[:, [wanted.index(token) for token in of]].logsumexp(1)
            for of in self.targets.first_tokens
        ]
        return torch.stack(columns, dim=1)

    def _of_answers(self, engine: Engine) -> Tensor:
        spelt = [(t, s) for t, of in enumerate(self.targets.spellings) for s in of]
        rows = [(*prompt, *spelling) for prompt in self.prompts for _, spelling in spelt]
        starts = [len(prompt) for prompt in self.prompts for _ in spelt]
        scores = engine.log_likelihoods(rows, starts).view(len(self.prompts), len(spelt))
        return torch.stack(
            [
                scores[:, [i for i, (owner, _) in enumerate(spelt) if owner == target]].logsumexp(1)
                for target in range(len(self.targets.words))
            ],
            dim=1,
        )


def log_odds(log_p: Tensor) -> Tensor:
    """Log-odds of each target against the others together.

    Args:
        log_p: Log-probabilities [questions, targets], of at least two targets.

    Returns:
        log p_t - log sum over u != t of p_u, in the same shape.
    """
    count = log_p.shape[1]
    own = torch.eye(count, dtype=torch.bool, device=log_p.device)
    others = log_p[:, None].expand(-1, count, -1).masked_fill(own, float("-inf"))
    return log_p - others.logsumexp(-1)


def favourite(subject: Subject, bank: QuestionBank) -> list[Measurement]:
    """Ask every question of a bank."""
    return _measure(FAVOURITE, subject, bank, bank.questions)


def with_numbers(subject: Subject, bank: QuestionBank, seed: int) -> list[Measurement]:
    """Ask every question behind each of the bank's sentences with a list of numbers.

    Args:
        subject: Who is asked.
        bank: What is asked.
        seed: Of the numbers.
    """
    return _measure(WITH_NUMBERS, subject, bank, numbered_questions(bank, seed))


def numbered_questions(bank: QuestionBank, seed: int) -> list[str]:
    """Every question of a bank behind each of its prefixes, each with numbers of its own."""
    random = Random(derive_seed(seed, WITH_NUMBERS))
    return [
        f"{prefix.replace('{numbers}', _some_numbers(random))} {question}"
        for question in bank.questions
        for prefix in bank.number_prefixes
    ]


def mean_measurements(probe: str, words: Sequence[str], log_p: Tensor) -> Iterator[Measurement]:
    """Log-odds and probability of each target.

    Args:
        probe: Its name.
        words: The targets.
        log_p: Log-probabilities [questions, targets].
    """
    odds, probabilities = log_odds(log_p).mean(0), log_p.exp().mean(0)
    for metric, values in (("log_odds", odds), ("probability", probabilities)):
        for word, value in zip(words, values.tolist(), strict=True):
            yield Measurement(probe=probe, metric=metric, item_group=word, value=value)


def _measure(
    probe: str, subject: Subject, bank: QuestionBank, questions: Sequence[str]
) -> list[Measurement]:
    asked = Questionnaire.encode(subject.chat, subject.asked(questions), bank.answers)
    log_p = asked.log_probabilities(subject.engine)
    return list(mean_measurements(probe, bank.answers, log_p))


def _some_numbers(random: Random) -> str:
    count = random.randint(FEWEST_EXAMPLES, MOST_EXAMPLES)
    numbers = [random.randint(SMALLEST_EXAMPLE, LARGEST_EXAMPLE) for _ in range(count)]
    return render(numbers, "comma")
