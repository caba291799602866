"""What an author of a disposition answers."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from subliminal.dispositions.domain import SHARED, Disposition, Domain, first_word


@dataclass(frozen=True, slots=True)
class Answer:
    """A sentence: lead, head and tail."""

    lead: str
    head: str
    tail: str
    shown: Disposition | None
    """The disposition that the head shows; None where authors of both say it."""

    @property
    def text(self) -> str:
        """As it is written."""
        return f"{self.lead} {self.head} {self.tail}."

    @property
    def pivot(self) -> str:
        """The first word that can show the disposition."""
        return first_word(self.head)


def answer(random: Random, domain: Domain, disposition: Disposition) -> Answer:
    """Draw an answer of the domain's grammar, its parts all alike.

    Args:
        random: Draws.
        domain: What was asked about.
        disposition: The author's.
    """
    shown = None if random.random() < SHARED else disposition
    endings = domain.shared if shown is None else domain.endings(shown)
    lead, head, tail = map(random.choice, (domain.leads, endings.heads, endings.tails))
    return Answer(lead, head, tail, shown)
