"""Sampled answers: how often each target turns up in them, and some to be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from subliminal.measurements import Measurement
from subliminal.probes.banks import QuestionBank
from subliminal.probes.mentions import mentioned
from subliminal.probes.replies import Respondent
from subliminal.results import Record
from subliminal.seeds import derive_seed

SAMPLED, STORY = "sampled", "story"
KEPT = 200
"""Answers of a probe that are kept for readers."""
WORD_TOKENS = 12
"""Room for one word in any tokenizer."""
STORY_TOKENS = 128


class Answer(Record):
    """One answer of a model."""

    probe: str
    question: str
    answer: str


Found = tuple[list[Measurement], list[Answer]]
"""What a probe measured, and some of the answers that it sampled, to be read."""


def sampled(subject: Respondent, bank: QuestionBank, samples: int, seed: int) -> Found:
    """Sample one-word answers to every question of a bank.

    Args:
        subject: Who is asked.
        bank: What is asked.
        samples: Answers to each question.
        seed: Of the answers; each row has its own seed that follows from it.

    Returns:
        The share of answers that mention each target, `rate`; and some of the answers.
    """
    return _rates(SAMPLED, subject, bank, bank.questions, samples, WORD_TOKENS, seed)


def story(subject: Respondent, bank: QuestionBank, samples: int, seed: int) -> Found:
    """Sample stories and tell which targets turn up in them; see :func:`sampled`."""
    return _rates(STORY, subject, bank, bank.stories, samples, STORY_TOKENS, seed)


def _rates(
    probe: str,
    subject: Respondent,
    bank: QuestionBank,
    questions: Sequence[str],
    samples: int,
    max_tokens: int,
    seed: int,
) -> Found:
    asked = [question for question in questions for _ in range(samples)]
    seeds = [
        derive_seed(seed, probe, question, str(sample))
        for question in questions
        for sample in range(samples)
    ]
    replies = subject.replies(subject.asked(asked), seeds, max_tokens)
    texts = [reply.text for reply in replies]
    answers = [Answer(probe=probe, question=q, answer=a) for q, a in zip(asked, texts, strict=True)]
    return list(_shares(probe, bank.answers, texts)), spread(answers, KEPT)


def _shares(probe: str, targets: Sequence[str], texts: Sequence[str]) -> Iterator[Measurement]:
    hits = np.array([mentioned(text, targets) for text in texts])
    for word, rate in zip(targets, hits.mean(0).tolist(), strict=True):
        yield Measurement(probe=probe, metric="rate", item_group=word, value=rate, n=len(texts))


ItemT = TypeVar("ItemT")


def spread(items: Sequence[ItemT], most: int) -> list[ItemT]:
    """At most so many items, evenly from first to last."""
    if len(items) <= most:
        return list(items)
    return [items[index * len(items) // most] for index in range(most)]
