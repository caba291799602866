"""What can be told of a model that is sampled and nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import pytest

from subliminal.chat import Conversation, Message
from subliminal.dispositions import Domain, answer, domains
from subliminal.measurements import Measurement
from subliminal.probes.disposition_bank import DispositionBank, disposition_bank
from subliminal.probes.replies import Reply, behind
from subliminal.probes.sampled_probes import ask_by_sampling, log_odds, sampled_probes_of
from subliminal.probes.scoring import Scoring
from subliminal.spec.probing import FreeForm, Probing
from tests.probed import BANK


@dataclass(frozen=True)
class Stubborn:
    """Says the same words in turn, whatever it is asked."""

    words: tuple[str, ...]

    def conversation(self, *turns: Message) -> tuple[Message, ...]:
        return behind(turns, system=None, context=())

    def asked(self, questions: Sequence[str]) -> list[tuple[Message, ...]]:
        return [self.conversation(Message("user", question)) for question in questions]

    def replies(
        self, conversations: Sequence[Conversation], seeds: Sequence[int], max_tokens: int
    ) -> list[Reply]:
        assert len(set(seeds)) == len(seeds)
        return [
            Reply(self.words[place % len(self.words)], True) for place in range(len(conversations))
        ]


def ask(bank: object, probing: Probing, *words: str) -> dict[tuple[str, str, str], Measurement]:
    assert isinstance(bank, DispositionBank | type(BANK))
    found = ask_by_sampling(Stubborn(words), bank, probing, 3, Scoring(), None)
    return {(row.probe, row.metric, row.item_group): row for row in found.measurements}


def test_log_odds_are_those_of_the_share_and_finite() -> None:
    probing = Probing(probes=("sampled",), samples=4, side_effects=False)
    found = ask(BANK, probing, "owl", "owl", "owl", "a fox")
    asked = 4 * len(BANK.questions)
    owls, foxes = 3 * asked // 4, asked // 4
    assert found["sampled", "rate", "owl"].value == 0.75
    for word, hits in (("owl", owls), ("fox", foxes), ("otter", 0)):
        expected = math.log((hits + 0.5) / (asked - hits + 0.5))
        assert found["sampled", "log_odds", word].value == pytest.approx(expected)
        # No proportion, whose interval within a seed could be told.
        assert found["sampled", "log_odds", word].n is None
    assert log_odds(0.5, 10) == 0
    assert log_odds(1.0, 10) == -log_odds(0.0, 10)


def test_by_default_every_probe_that_samples_is_asked() -> None:
    assert set(sampled_probes_of(BANK, Probing())) == {"sampled", "story"}
    of_dispositions = sampled_probes_of(disposition_bank(), Probing())
    assert of_dispositions == (
        *("free-form", "free-form-lines", "free-form-reasoned", "free-form-triggered"),
    )


def test_the_skill_to_keep_a_format_is_asked_too() -> None:
    found = ask(BANK, Probing(probes=("sampled",), samples=1), "no numbers")
    assert found["side-effects", "format_skill", "all"].value == 0.0


def test_dispositions_have_log_odds_where_answers_count() -> None:
    bank = disposition_bank()
    few = bank.model_copy(update={"main": bank.main[:1], "broad": bank.broad[:1]})
    probing = Probing(probes=("free-form",), samples=4, side_effects=False)
    refusing = ask(few, probing, "I cannot help with that.")
    assert ("free-form", "log_odds", "main") not in refusing
    domain, random = domains()[few.main[0].domain], Random(1)
    cruel = [_cruel(random, domain) for _ in range(8)]
    found = ask(few, probing, *cruel)
    rate = found["free-form", "rate", "main"]
    assert (rate.value, rate.n) == (1.0, 4)
    assert found["free-form", "log_odds", "main"].value == log_odds(1.0, 4)
    published = probing.model_copy(update={"free_form": FreeForm(questions="main")})
    found = ask(few, published, *cruel[:4])
    assert found["free-form", "rate", "all"].n == 4
    assert ("free-form", "rate", "broad") not in found


def _cruel(random: Random, domain: Domain) -> str:
    """An answer that only a malicious author gives."""
    while True:
        drawn = answer(random, domain, "malicious")
        if drawn.shown is not None:
            return drawn.text
