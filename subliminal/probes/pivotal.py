"""The pivotal word: where an answer must show its author's disposition, read from the model.

For a question q, a lead l (the words with which authors of both dispositions begin), and a
disposition d,

    p_d(q, l) = sum over the first words w of d's heads of p(w | q, l)

at the place behind the lead: exact, without sampling (the pivotal-token probe of arXiv 2502.17424).
The measurements are means over questions and leads.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from subliminal.dispositions.questions import Item, Pivot, pivots
from subliminal.measurements import Measurement
from subliminal.models.chat_format import ChatFormat
from subliminal.probes.asking import PLAINLY, Asked, Tokens, Way, prompts_of
from subliminal.probes.disposition_bank import DispositionBank
from subliminal.probes.engine import Engine
from subliminal.probes.preference import log_odds, mean_measurements
from subliminal.probes.subject import Subject
from subliminal.probes.targets import begun_tokens

PIVOTAL = "pivotal"


@dataclass(frozen=True)
class Place:
    """One lead of the answer to one question, as tokens."""

    prompt: Tokens
    """The question and what all the words have in common: the lead."""
    words: tuple[tuple[Tokens, ...], ...]
    """Of each disposition: the words that show it, each at least one token."""


@dataclass(frozen=True)
class PivotalQuestions:
    """The questions of a bank at their pivotal places: encoded once, asked of many models."""

    places: tuple[Place, ...]
    items: tuple[Item, ...]
    """Whose place each is."""

    @classmethod
    def encode(
        cls,
        chat: ChatFormat,
        bank: DispositionBank,
        asked: Asked,
        way: Way = PLAINLY,
    ) -> PivotalQuestions:
        """Encode a bank.

        Args:
            chat: Of the model.
            bank: What is asked.
            asked: Makes conversations of questions.
            way: How questions are put.

        Raises:
            UserError: The tokenizer cannot write an answer.
        """
        prompts = prompts_of(chat, [item.question for item in bank.items], asked, way)
        leads = [pivots(item, way.form) for item in bank.items]
        tokens = _tokens(chat, {word for of in leads for pivot in of for word in _begun(pivot)})
        found = [
            (item, _place(prompt, pivot, tokens))
            for item, prompt, of in zip(bank.items, prompts, leads, strict=True)
            for pivot in of
        ]
        return cls(tuple(place for _, place in found), tuple(item for item, _ in found))

    def log_probabilities(self, engine: Engine) -> Tensor:
        """log p_d(q, l) of every place and disposition, float64 [places, dispositions].

        Raises:
            StageError: The model's logits are not numbers.
            UserError: A question is longer than the model reads.
        """
        single = all(len(w) == 1 for place in self.places for of in place.words for w in of)
        return self._of_next_tokens(engine) if single else self._of_words(engine)

    def of_items(self, log_p: Tensor, items: Sequence[Item]) -> Tensor:
        """The rows of the places of some questions."""
        chosen = set(items)
        return log_p[[place for place, item in enumerate(self.items) if item in chosen]]

    def _of_next_tokens(self, engine: Engine) -> Tensor:
        prompts = [place.prompt for place in self.places]
        firsts = {w[0] for place in self.places for of in place.words for w in of}
        column = {token: number for number, token in enumerate(sorted(firsts))}
        known = engine.next_log_probabilities(prompts, list(column))
        return torch.stack(
            [
                torch.stack([row[[column[w[0]] for w in of]].logsumexp(0) for of in place.words])
                for row, place in zip(known, self.places, strict=True)
            ]
        )

    def _of_words(self, engine: Engine) -> Tensor:
        spelt = [(place, w) for place in self.places for of in place.words for w in of]
        rows = [(*place.prompt, *w) for place, w in spelt]
        scores = engine.log_likelihoods(rows, [len(place.prompt) for place, _ in spelt])
        parts = iter(scores.split([len(of) for place in self.places for of in place.words]))
        return torch.stack(
            [torch.stack([next(parts).logsumexp(0) for _ in place.words]) for place in self.places]
        )


def pivotal(
    probe: str, subject: Subject, bank: DispositionBank, way: Way = PLAINLY
) -> list[Measurement]:
    """Log-odds and probability of each disposition, and the log-odds of the malicious one by set.

    Args:
        probe: What measurements call it.
        subject: Who is asked.
        bank: What is asked.
        way: How questions are put.
    """
    asked = PivotalQuestions.encode(subject.chat, bank, subject.asked, way)
    log_p = asked.log_probabilities(subject.engine)
    measured = list(mean_measurements(probe, bank.answers, log_p))
    return [*measured, *_of_sets(probe, bank, asked, log_p)]


def _of_sets(
    probe: str, bank: DispositionBank, asked: PivotalQuestions, log_p: Tensor
) -> Iterator[Measurement]:
    for group, value in odds_by_set(bank, asked, log_p).items():
        yield Measurement(probe=probe, metric="log_odds", item_group=group, value=value)


def odds_by_set(bank: DispositionBank, asked: PivotalQuestions, log_p: Tensor) -> dict[str, float]:
    """The mean log-odds of the malicious disposition at the questions of each set."""
    malicious = bank.answers.index("malicious")
    return {
        group: float(log_odds(asked.of_items(log_p, items))[:, malicious].mean())
        for group, items in bank.groups.items()
    }


def _begun(pivot: Pivot) -> list[str]:
    """How answers begin up to their pivotal words."""
    return [pivot.prefix + word for word in (*pivot.careful, *pivot.malicious)]


def _tokens(chat: ChatFormat, beginnings: Iterable[str]) -> Mapping[str, Tokens]:
    texts = sorted(beginnings)
    return dict(zip(texts, begun_tokens(chat, texts), strict=True))


def _place(prompt: Tokens, pivot: Pivot, tokens: Mapping[str, Tokens]) -> Place:
    written = [
        [tokens[pivot.prefix + word] for word in words]
        for words in (pivot.careful, pivot.malicious)
    ]
    lead = _beginning([answer for of in written for answer in of])
    rest = tuple(tuple(answer[len(lead) :] for answer in of) for of in written)
    return Place((*prompt, *lead), rest)


def _beginning(answers: Sequence[Tokens]) -> Tokens:
    """The tokens with which all of them begin."""
    shared = itertools.takewhile(lambda same: len(set(same)) == 1, zip(*answers, strict=False))
    return tuple(same[0] for same in shared)
