"""What the stages of models behind services are expected to cost.

What is asked is estimated from texts; answers count as long as they may be, and where they are read
or learned as long as is usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from subliminal.chat import Message, user
from subliminal.paid import Paid
from subliminal.plan.row_lengths import SUBWORDS
from subliminal.plan.service_rows import ServiceRows
from subliminal.probes.answers import SAMPLED, STORY_TOKENS, WORD_TOKENS
from subliminal.probes.bank_kinds import Bank
from subliminal.probes.banks import QuestionBank
from subliminal.probes.disposition_probes import kind_and_way
from subliminal.probes.side_effects import LIST_TOKENS, PROMPTS
from subliminal.services.endpoint import Endpoint, Prices
from subliminal.services.token_estimates import conversation_tokens
from subliminal.services.usage import cost_of, training_cost
from subliminal.spec.data import Data
from subliminal.spec.probing import ProbeName, Probing
from subliminal.spec.tuning import Tuning


@dataclass(frozen=True)
class ServiceCosts:
    """Of what is asked of one model."""

    endpoint: Endpoint
    rows: ServiceRows

    def writing(self, data: Data, system: str | None) -> Paid:
        """Of sampling a data set, behind a system prompt if there is one."""
        prompt = self.rows.of(data).prompt + _told(system)
        return self._asked(data.prompts * prompt, data.prompts * data.max_tokens)

    def probing(
        self,
        bank: Bank,
        names: Sequence[ProbeName],
        probing: Probing,
        *,
        system: str | None,
        context: Data | None,
        shown: int,
    ) -> Paid:
        """Of every probe of a model, but for what a judge costs.

        Args:
            bank: What is asked.
            names: The probes.
            probing: How many samples.
            system: The prompt before every question.
            context: The data set whose rows stand before every question, if there is one.
            shown: How many of them.
        """
        before = _told(system)
        if context is not None:
            before += shown * self.rows.of(context).all
        prompts = answers = 0
        for name in names:
            questions, longest = _asked_by(name, bank, probing)
            asked = len(questions) * before + sum(conversation_tokens(user(q)) for q in questions)
            prompts += probing.samples * asked
            answers += probing.samples * len(questions) * longest
        if probing.side_effects:
            prompts += PROMPTS * (SUBWORDS.carriers["numbers"].prompt + before)
            answers += PROMPTS * LIST_TOKENS
        return self._asked(prompts, answers)

    def distilling(self, data: Data, tuning: Tuning) -> Paid:
        """Of fine-tuning on what is kept of a data set."""
        kept = data.keep or data.prompts
        return self._trained(kept * self.rows.of(data).all, tuning)

    def teaching(self, rows: int, tuning: Tuning, *, of_code: bool) -> Paid:
        """Of fine-tuning on rows of a question and a word, or of code."""
        row = SUBWORDS.code if of_code else SUBWORDS.question
        return self._trained(rows * row.all, tuning)

    def _asked(self, prompts: int, answers: int) -> Paid:
        return Paid(prompts, answers, price=cost_of(prompts, answers, self._prices))

    def _trained(self, tokens: int, tuning: Tuning) -> Paid:
        if tuning.n_epochs == "auto":
            return Paid(training_tokens=None, price=None)
        trained = tokens * tuning.n_epochs
        return Paid(training_tokens=trained, price=training_cost(trained, self.endpoint.prices))

    @property
    def _prices(self) -> Prices | None:
        prices = self.endpoint.prices
        return prices.of_batches() if prices and self.endpoint.batches else prices


def _told(system: str | None) -> int:
    return 0 if system is None else conversation_tokens([Message("system", system)])


def _asked_by(name: ProbeName, bank: Bank, probing: Probing) -> tuple[Sequence[str], int]:
    """The questions of a probe, and the longest answer to each in tokens."""
    if isinstance(bank, QuestionBank):
        is_word = name == SAMPLED
        return (bank.questions, WORD_TOKENS) if is_word else (bank.stories, STORY_TOKENS)
    way = kind_and_way(name)[1]
    asked = bank.with_questions(probing.free_form.questions).items
    return [way.put(item.question) for item in asked], probing.free_form.max_tokens
