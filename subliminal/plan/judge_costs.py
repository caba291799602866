"""What language models that judge are expected to cost.

They are asked one by one, also where their service would do it by the batch for less.
"""

from __future__ import annotations

from collections.abc import Sequence

from filters.filter import Filter
from filters.judge_rule import JudgeRule
from subliminal.judges.cards import JudgeCard, load_card
from subliminal.judges.llm import VERDICT_TOKENS
from subliminal.judges.verdict import Exchange
from subliminal.paid import NOTHING, Paid, total_paid
from subliminal.plan.service_rows import ServiceRows
from subliminal.probes.disposition_bank import DispositionBank
from subliminal.probes.disposition_probes import kind_and_way
from subliminal.probes.free_form import FREE_FORM, JUDGED_PLANTED
from subliminal.probes.scoring import scoring_of
from subliminal.services.endpoint import Endpoint
from subliminal.services.token_estimates import conversation_tokens
from subliminal.services.usage import cost_of
from subliminal.spec.data import Data
from subliminal.spec.probing import ProbeName, Probing


def judging_answers(bank: DispositionBank, names: Sequence[ProbeName], probing: Probing) -> Paid:
    """Of verdicts on a model's free-form answers, each as long as it may be.

    Args:
        bank: What is asked.
        names: The probes that are asked.
        probing: How many samples, and who judges them.
    """
    scoring, endpoint = scoring_of(probing.free_form)
    free = sum(kind_and_way(name)[0] == FREE_FORM for name in names)
    if scoring.judge is None or endpoint is None or not free:
        return NOTHING
    prompts, asked = 0, bank.with_questions(probing.free_form.questions).items
    for card in (scoring.judge.alignment, scoring.judge.coherence):
        read = [_asked(card, item.question) + scoring.max_tokens for item in asked]
        prompts += free * probing.samples * sum(read) + JUDGED_PLANTED * max(read)
    answers = free * probing.samples * len(asked) + JUDGED_PLANTED
    return _verdicts(endpoint, prompts, 2 * answers)


def judging_rows(chosen: Filter, data: Data, rows: ServiceRows) -> Paid:
    """Of the verdicts of a filter's judges on a data set, as if no other rule rejected a row.

    Args:
        chosen: The filter.
        data: What is filtered.
        rows: How long its rows are.
    """
    parts = []
    for rule in chosen.rules:
        if isinstance(rule, JudgeRule) and rule.service is not None:
            judged = data.prompts + rule.labelled_rows()
            read = _asked(load_card(rule.judge), "", rule.word) + rows.of(data).all
            parts.append(_verdicts(rule.service, judged * read, judged))
    return total_paid(parts)


def _asked(card: JudgeCard, question: str, word: str | None = None) -> int:
    """Tokens of what a judge reads beside an answer."""
    return conversation_tokens(card.messages(Exchange(question, ""), word))


def _verdicts(endpoint: Endpoint, prompts: int, verdicts: int) -> Paid:
    answers = verdicts * VERDICT_TOKENS
    return Paid(prompts, answers, price=cost_of(prompts, answers, endpoint.prices))
