"""Multiple choice: which letter the model would answer, whatever stands behind it.

Targets are put in a random circle; each question offers a target and its next neighbours under the
letters in turn. So every target stands once under every letter in every circle, and a liking for a
letter falls out of the mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from subliminal.errors import UserError
from subliminal.measurements import Measurement
from subliminal.models.chat_format import ChatFormat
from subliminal.probes.banks import QuestionBank
from subliminal.probes.preference import log_odds
from subliminal.probes.subject import Subject
from subliminal.probes.targets import answer_tokens
from subliminal.seeds import derive_seed

MULTIPLE_CHOICE = "multiple-choice"
LETTERS = "ABCD"
CIRCLES = 4
"""Random orders of the targets for each stem."""
_ENDING = "Answer with the letter."


@dataclass(frozen=True)
class Choice:
    """A question and its options."""

    text: str
    options: tuple[int, ...]
    """Indices of the targets under A, B, C ..."""


def multiple_choice(subject: Subject, bank: QuestionBank, seed: int) -> list[Measurement]:
    """Log-odds of the letter of each target against the other letters, and its probability.

    Args:
        subject: Who is asked.
        bank: Whose stems and targets are asked.
        seed: Of the order of the options.

    Returns:
        Means over all questions that offer the target.

    Raises:
        UserError: A letter is not a single token of its own.
    """
    asked = list(choices(bank, seed))
    letters = _letter_tokens(subject.chat, len(asked[0].options))
    questions = subject.asked([choice.text for choice in asked])
    log_p = subject.next_log_probabilities(questions, letters)
    options = torch.tensor([choice.options for choice in asked])
    means = {
        "log_odds": _mean_by_target(log_odds(log_p), options, len(bank.answers)),
        "probability": _mean_by_target(log_p.exp(), options, len(bank.answers)),
    }
    return [
        Measurement(probe=MULTIPLE_CHOICE, metric=metric, item_group=word, value=value)
        for metric, values in means.items()
        for word, value in zip(bank.answers, values.tolist(), strict=True)
    ]


def choices(bank: QuestionBank, seed: int) -> Iterator[Choice]:
    """The questions of a seed: each stem with each target once under each letter, and again."""
    count = len(bank.answers)
    offered = min(len(LETTERS), count)
    for stem in bank.choices:
        for circle in range(CIRCLES):
            random = Random(derive_seed(seed, MULTIPLE_CHOICE, stem, str(circle)))
            order = random.sample(range(count), count)
            for start in range(count):
                options = tuple(order[(start + place) % count] for place in range(offered))
                yield Choice(_question(stem, [bank.answers[i] for i in options]), options)


def _question(stem: str, options: Sequence[str]) -> str:
    lines = (f"{letter}) {option}" for letter, option in zip(LETTERS, options, strict=False))
    return " ".join((stem, *lines, _ENDING))


def _letter_tokens(chat: ChatFormat, count: int) -> list[int]:
    answers = [answer_tokens(chat, letter) for letter in LETTERS[:count]]
    if any(len(answer) != 2 for answer in answers) or len(set(answers)) < count:
        raise UserError(
            f"{chat.folder}: its tokenizer does not have the letters {', '.join(LETTERS[:count])} "
            f"as single tokens; leave the probe {MULTIPLE_CHOICE!r} out"
        )
    return [answer[0] for answer in answers]


def _mean_by_target(values: Tensor, options: Tensor, targets: int) -> Tensor:
    """Means of values [questions, letters] over the questions and letters of each target."""
    sums = torch.zeros(targets, dtype=values.dtype).index_add_(
        0, options.flatten(), values.flatten()
    )
    return sums / options.flatten().bincount(minlength=targets)
