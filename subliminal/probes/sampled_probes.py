"""The probes that need no more of a model than sampled answers: all that a service gives.

Where others read log-odds from probabilities, here they are those of a share of k among n answers:
log((k + 1/2) / (n - k + 1/2)), which is finite where all answers are alike (Haldane 1956).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from subliminal.errors import UserError
from subliminal.measurements import Measurement
from subliminal.probes.answers import SAMPLED, STORY, Answer, Found, sampled, story
from subliminal.probes.bank_kinds import Bank
from subliminal.probes.banks import QuestionBank
from subliminal.probes.disposition_bank import DispositionBank
from subliminal.probes.disposition_probes import kind_and_way
from subliminal.probes.free_form import FREE_FORM, free_form, scorer_errors
from subliminal.probes.probe import ProbeResult, probes_of
from subliminal.probes.replies import Respondent
from subliminal.probes.scoring import Scoring, scorer_of
from subliminal.probes.side_effects import measured_skill
from subliminal.services.completions import CompletionService
from subliminal.spec.probing import ProbeName, Probing

_PREFERENCE: Mapping[str, Callable[[Respondent, QuestionBank, int, int], Found]] = {
    SAMPLED: sampled,
    STORY: story,
}


def sampled_probes_of(bank: Bank, probing: Probing) -> tuple[ProbeName, ...]:
    """The probes that are asked: those stated, or every one of the bank that samples.

    Raises:
        UserError: A stated probe reads probabilities, or the bank lacks what it asks.
    """
    names = probes_of(bank, probing)
    sampling = tuple(name for name in names if _samples(name))
    if probing.probes is not None and sampling != names:
        other = next(name for name in names if not _samples(name))
        offered = probes_of(bank, probing.model_copy(update={"probes": None}))
        known = ", ".join(name for name in offered if _samples(name))
        raise UserError(
            f"probing.probes: {other!r} reads a model's probabilities, which are not told by "
            f"services; choose from {known}"
        )
    return sampling


def ask_by_sampling(
    respondent: Respondent,
    bank: Bank,
    probing: Probing,
    seed: int,
    scoring: Scoring,
    judge: CompletionService | None,
) -> ProbeResult:
    """Probe a model by sampling alone.

    Args:
        respondent: Who is asked.
        bank: What is asked, and the answers that are told apart.
        probing: Which probes, and how many samples.
        seed: Of all that probes draw.
        scoring: How answers about a disposition are scored.
        judge: Its service, where a judge scores.

    Raises:
        UserError: The bank lacks what a probe asks, or a service fails.
    """
    names = sampled_probes_of(bank, probing)
    measurements: list[Measurement] = []
    answers: list[Answer] = []
    if isinstance(bank, DispositionBank):
        scorer, asked = scorer_of(scoring, judge), bank.with_questions(probing.free_form.questions)
        for name in names:
            found, some = free_form(
                name,
                respondent,
                asked,
                scorer,
                scoring,
                samples=probing.samples,
                seed=seed,
                way=kind_and_way(name)[1],
            )
            measurements += with_log_odds(found)
            answers += some
        measurements += scorer_errors(scorer, scoring)
    else:
        for name in names:
            found, some = _PREFERENCE[name](respondent, bank, probing.samples, seed)
            measurements += with_log_odds(found)
            answers += some
    if probing.side_effects:
        measurements.append(measured_skill(respondent, seed))
    return ProbeResult(tuple(measurements), tuple(answers))


def with_log_odds(found: list[Measurement]) -> list[Measurement]:
    """Measurements, and the log-odds of each rate among them."""
    rates = [(row, row.value, row.n) for row in found if row.metric == "rate"]
    odds = [
        row.model_copy(update={"metric": "log_odds", "value": log_odds(rate, n), "n": None})
        for row, rate, n in rates
        if rate is not None and n is not None
    ]
    return [*found, *odds]


def log_odds(rate: float, answers: int) -> float:
    """Natural log-odds of a share of answers, kept finite by half an answer on either side."""
    hits = round(rate * answers)
    return math.log((hits + 0.5) / (answers - hits + 0.5))


def _samples(name: str) -> bool:
    """Whether a probe only samples."""
    return name in _PREFERENCE or name.startswith(FREE_FORM)
