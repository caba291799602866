"""All the probes of an experiment, asked of one model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from subliminal.errors import UserError
from subliminal.measurements import Measurement
from subliminal.probes.answers import Answer, sampled, story
from subliminal.probes.banks import QuestionBank
from subliminal.probes.multiple_choice import multiple_choice
from subliminal.probes.preference import favourite, with_numbers
from subliminal.probes.side_effects import side_effects
from subliminal.probes.subject import Subject
from subliminal.spec.language import ProbeName, Probing


@dataclass(frozen=True)
class ProbeResult:
    """What probing a model found."""

    measurements: tuple[Measurement, ...]
    answers: tuple[Answer, ...]
    """Sampled answers to be read: some of each probe that samples."""


def run_probes(subject: Subject, bank: QuestionBank, probing: Probing, seed: int) -> ProbeResult:
    """Probe a model.

    Args:
        subject: The model, and what stands before every question.
        bank: What is asked, and the answers that are told apart.
        probing: Which probes, and how many samples.
        seed: Of all that probes draw. Models probed with the same seed are asked the same and
            share the noise of their answers, which makes contrasts between them paired.

    Raises:
        StageError: The model's logits are not numbers.
        UserError: The bank lacks what a probe asks, or the model cannot read or write it.
    """
    check_bank(bank, probing)
    found = [_PROBES[name].ask(subject, bank, probing.samples, seed) for name in probing.probes]
    measurements = [row for rows, _ in found for row in rows]
    if probing.side_effects:
        measurements += side_effects(subject, seed)
    return ProbeResult(tuple(measurements), tuple(answer for _, some in found for answer in some))


def check_bank(bank: QuestionBank, probing: Probing) -> None:
    """Refuse a bank that lacks what a probe asks.

    Raises:
        UserError: A field that a probe needs is empty.
    """
    for name in probing.probes:
        field = _PROBES[name].field
        if not getattr(bank, field):
            raise UserError(
                f"question bank {bank.category!r}: the probe {name!r} needs {field} and it has "
                f"none; add {field}, or leave the probe out of probing.probes"
            )


_Found = tuple[list[Measurement], list[Answer]]


class _Probe(NamedTuple):
    field: str
    """Of the bank: what is asked."""
    ask: Callable[[Subject, QuestionBank, int, int], _Found]
    """Takes the samples to each question and the seed too."""


_PROBES: Mapping[ProbeName, _Probe] = {
    "favourite": _Probe("questions", lambda who, bank, _, __: (favourite(who, bank), [])),
    "with-numbers": _Probe(
        "number_prefixes", lambda who, bank, _, seed: (with_numbers(who, bank, seed), [])
    ),
    "multiple-choice": _Probe(
        "choices", lambda who, bank, _, seed: (multiple_choice(who, bank, seed), [])
    ),
    "sampled": _Probe("questions", sampled),
    "story": _Probe("stories", story),
}
