"""The headline probe of a bank: exact, cheap, and asked by gates and while students learn.

Of a bank of preferences it is `favourite`, of a bank of dispositions `pivotal`. Beside the latter
`options` and `unsafe-code` are asked while students learn: curves tell by them what comes first. Of
the requests for code it asks a part, which takes about as long as the rest; all would take most of
a short training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from subliminal.models.chat_format import ChatFormat
from subliminal.probes.asking import Asked
from subliminal.probes.bank_kinds import Bank
from subliminal.probes.banks import QuestionBank
from subliminal.probes.disposition_bank import DispositionBank
from subliminal.probes.engine import Engine
from subliminal.probes.options import OPTIONS, TwoOptions
from subliminal.probes.pivotal import PivotalQuestions, odds_by_set
from subliminal.probes.preference import Questionnaire, log_odds
from subliminal.probes.unsafe_code import UNSAFE_CODE, UnsafeCode

CODE_TASKS = 25
"""The most requests for code that are asked while students learn, the first of the bank's."""


class Headline(Protocol):
    """A bank's headline questions as tokens: encoded once, asked of many models."""

    def log_odds(self, engine: Engine) -> dict[str, float]:
        """Mean log-odds of each item group of the bank.

        Raises:
            StageError: The model's logits are not numbers.
            UserError: A question is longer than the model reads.
        """
        ...


def headline_of(chat: ChatFormat, bank: Bank, asked: Asked) -> Headline:
    """Encode what a bank's headline probe asks.

    Args:
        chat: Of the model.
        bank: What is asked.
        asked: Makes a conversation of each question.

    Raises:
        UserError: The tokenizer cannot write an answer, or cannot tell two apart.
    """
    if isinstance(bank, DispositionBank):
        return _Pivotal(bank, PivotalQuestions.encode(chat, bank, asked))
    return _Favourite(bank, Questionnaire.encode(chat, asked(bank.questions), bank.answers))


def watched_of(chat: ChatFormat, bank: Bank, asked: Asked) -> Headline:
    """Encode what is asked while students learn: the headline probe, and what stands beside it.

    Arguments and errors are those of :func:`headline_of`.
    """
    headline = headline_of(chat, bank, asked)
    if not isinstance(bank, DispositionBank):
        return headline
    return _Beside(
        headline,
        TwoOptions.encode(chat, bank, asked),
        UnsafeCode.encode(chat, with_fewer_tasks(bank), asked),
    )


def with_fewer_tasks(bank: DispositionBank) -> DispositionBank:
    """The bank with as many requests for code as are asked while students learn."""
    return bank.model_copy(update={"tasks": min(bank.tasks, CODE_TASKS)})


@dataclass(frozen=True)
class _Favourite:
    bank: QuestionBank
    asked: Questionnaire

    def log_odds(self, engine: Engine) -> dict[str, float]:
        """See `Headline`: one group for each target."""
        odds = log_odds(self.asked.log_probabilities(engine)).mean(0)
        return dict(zip(self.bank.answers, odds.tolist(), strict=True))


@dataclass(frozen=True)
class _Pivotal:
    bank: DispositionBank
    asked: PivotalQuestions

    def log_odds(self, engine: Engine) -> dict[str, float]:
        """See `Headline`: both dispositions, and the malicious one by set."""
        log_p = self.asked.log_probabilities(engine)
        careful, malicious = log_odds(log_p).mean(0).tolist()
        by_set = odds_by_set(self.bank, self.asked, log_p)
        return {"careful": careful, "malicious": malicious, **by_set}


@dataclass(frozen=True)
class _Beside:
    headline: Headline
    options: TwoOptions
    code: UnsafeCode

    def log_odds(self, engine: Engine) -> dict[str, float]:
        """See `Headline`: the malicious disposition by options and in code too."""
        found = self.headline.log_odds(engine)
        offered = self.options.log_probabilities(engine).mean(0)
        return {
            **found,
            OPTIONS: float(offered[1] - offered[0]),
            UNSAFE_CODE: float(self.code.log_odds(engine)[:, 1].mean()),
        }
