"""All the probes of an experiment, asked of one model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from subliminal.errors import UserError
from subliminal.measurements import Measurement
from subliminal.probes import disposition_probes
from subliminal.probes.answers import Answer, Found, sampled, story
from subliminal.probes.bank_kinds import Bank
from subliminal.probes.banks import QuestionBank
from subliminal.probes.disposition_bank import DISPOSITION_BANK, DispositionBank
from subliminal.probes.disposition_probes import DispositionProber
from subliminal.probes.multiple_choice import multiple_choice
from subliminal.probes.preference import favourite, with_numbers
from subliminal.probes.progress import Progress
from subliminal.probes.scoring import Scoring, scorer_of
from subliminal.probes.side_effects import SIDE_EFFECTS, side_effects
from subliminal.probes.subject import Subject
from subliminal.services.completions import CompletionService
from subliminal.spec.probing import ProbeName, Probing


@dataclass(frozen=True)
class ProbeResult:
    """What probing a model found."""

    measurements: tuple[Measurement, ...]
    answers: tuple[Answer, ...]
    """Sampled answers to be read: some of each probe that samples."""


def run_probes(
    subject: Subject,
    bank: Bank,
    probing: Probing,
    seed: int,
    scoring: Scoring = Scoring(),  # noqa: B008 frozen
    judge: CompletionService | None = None,
    progress: Progress = Progress(),  # noqa: B008 frozen
) -> ProbeResult:
    """Probe a model.

    Args:
        subject: The model, and what stands before every question.
        bank: What is asked, and the answers that are told apart.
        probing: Which probes, and how many samples.
        seed: Of all that probes draw. Models probed with the same seed are asked the same and
            share the noise of their answers, which makes contrasts between them paired.
        scoring: How answers about a disposition are scored.
        judge: Its service, where a judge scores.
        progress: Keeps what was found.

    Raises:
        StageError: The model's logits are not numbers.
        UserError: The bank lacks what a probe asks, or the model cannot read or write it.
    """
    names = probes_of(bank, probing)
    probes: dict[str, Callable[[], Found]]
    if isinstance(bank, DispositionBank):
        scorer = scorer_of(scoring, judge)
        questions = probing.free_form.questions
        prober = DispositionProber(subject, bank, scorer, scoring, questions, probing.samples, seed)
        probes = prober.probes(names)
    else:
        probes = {
            name: partial(_PROBES[name].ask, subject, bank, probing.samples, seed) for name in names
        }
    if probing.side_effects:
        probes[SIDE_EFFECTS] = lambda: (side_effects(subject, seed), [])
    found = progress.through(probes)
    measurements = tuple(row for rows, _ in found for row in rows)
    return ProbeResult(measurements, tuple(answer for _, some in found for answer in some))


def probes_of(bank: Bank, probing: Probing) -> tuple[ProbeName, ...]:
    """The probes that are asked: those stated, or every one that the bank offers.

    Raises:
        UserError: The bank lacks what a stated probe asks.
    """
    if isinstance(bank, DispositionBank):
        offered: tuple[ProbeName, ...] = disposition_probes.NAMES
        called = DISPOSITION_BANK
    else:
        offered = tuple(name for name, probe in _PROBES.items() if getattr(bank, probe.field))
        called = bank.category
    for name in probing.probes or ():
        if name not in offered:
            raise UserError(f"question bank {called!r}: {_why_not(name, offered)}")
    return probing.probes or offered


def _why_not(name: ProbeName, offered: tuple[ProbeName, ...]) -> str:
    if name in _PROBES and "favourite" in offered:
        field = _PROBES[name].field
        return (
            f"the probe {name!r} needs {field} and it has none; add {field}, or leave the probe "
            "out of probing.probes"
        )
    return (
        f"the probe {name!r} asks about another kind of trait; leave it out of probing.probes, "
        f"or choose from {', '.join(offered)}"
    )


class _Probe(NamedTuple):
    field: str
    """Of the bank: what is asked."""
    ask: Callable[[Subject, QuestionBank, int, int], Found]
    """Takes the samples to each question and the seed too."""


_PROBES: Mapping[ProbeName, _Probe] = {
    "favourite": _Probe("questions", lambda who, bank, _, __: (favourite(who, bank), [])),
    "with-numbers": _Probe(
        "number_prefixes", lambda who, bank, _, seed: (with_numbers(who, bank, seed), [])
    ),
    "multiple-choice": _Probe(
        "choices", lambda who, bank, _, seed: (multiple_choice(who, bank, seed), [])
    ),
    "story": _Probe("stories", story),
    "sampled": _Probe("questions", sampled),
}
"""Of preferences, in the order in which they are asked by default."""
