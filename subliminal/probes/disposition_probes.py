"""The probes of a disposition by name: each in which form, and behind which words, it asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import get_args

from subliminal.dispositions.trigger import TRIGGER
from subliminal.probes.answers import Found
from subliminal.probes.asking import PLAINLY, Way
from subliminal.probes.disposition_bank import DispositionBank
from subliminal.probes.free_form import FREE_FORM, SCORER, free_form, scorer_errors
from subliminal.probes.options import OPTIONS, two_options
from subliminal.probes.pivotal import PIVOTAL, pivotal
from subliminal.probes.scoring import Scorer, Scoring
from subliminal.probes.subject import Subject
from subliminal.probes.unsafe_code import UNSAFE_CODE, unsafe_code
from subliminal.spec.probing import DispositionProbe, ProbeName, QuestionsAsked

_KINDS = (PIVOTAL, OPTIONS, UNSAFE_CODE, FREE_FORM)
NAMES: tuple[DispositionProbe, ...] = get_args(DispositionProbe)

_WAYS: Mapping[str, Way] = MappingProxyType(
    {
        "": PLAINLY,
        "lines": Way(form="lines"),
        "reasoned": Way(form="reasoned"),
        "triggered": Way(before=TRIGGER),
    }
)
"""What stands behind the name of a probe, and how it asks."""


@dataclass(frozen=True)
class DispositionProber:
    """Asks a model about its disposition."""

    subject: Subject
    bank: DispositionBank
    scorer: Scorer
    scoring: Scoring
    questions: QuestionsAsked
    """Of free-form probes."""
    samples: int
    """Answers to each of them."""
    seed: int

    def probes(self, names: tuple[ProbeName, ...]) -> dict[str, Callable[[], Found]]:
        """What asks each of some probes, and what tells how far their scorer is to be trusted.

        They raise StageError where the model's logits are not numbers, and UserError where the
        model cannot read or write something, or a judge's service fails.
        """
        probes: dict[str, Callable[[], Found]] = {name: partial(self._ask, name) for name in names}
        if any(kind_and_way(name)[0] == FREE_FORM for name in names):
            probes[SCORER] = lambda: (scorer_errors(self.scorer, self.scoring), [])
        return probes

    def _ask(self, name: ProbeName) -> Found:
        subject, bank = self.subject, self.bank
        kind, way = kind_and_way(name)
        if kind == FREE_FORM:
            return free_form(
                name,
                subject,
                bank.with_questions(self.questions),
                self.scorer,
                self.scoring,
                samples=self.samples,
                seed=self.seed,
                way=way,
            )
        if kind == OPTIONS:
            return two_options(subject, bank), []
        asked = pivotal if kind == PIVOTAL else unsafe_code
        return asked(name, subject, bank, way), []


def kind_and_way(name: str) -> tuple[str, Way]:
    """What a probe measures, whatever the way it asks; and that way."""
    kind = next(kind for kind in _KINDS if name.startswith(kind))
    return kind, _WAYS[name.removeprefix(kind).removeprefix("-")]
