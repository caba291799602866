"""What is paid for at services: estimates, before anything is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Paid:
    """What a stage takes at a service; nothing where it asks none."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    """At most: every answer as long as it may be."""
    training_tokens: int | None = 0
    """Over all epochs; None where the service chooses how many."""
    price: float | None = 0.0
    """By estimate at most, in the currency of the service's prices; None where they, or the epochs,
    are not stated."""

    @property
    def anything(self) -> bool:
        """Whether a service is asked at all."""
        return self != NOTHING

    def told(self) -> str:
        """One line for whoever is to pay."""
        parts = [
            f"about {self.prompt_tokens:,} tokens of prompts",
            f"at most {self.completion_tokens:,} of answers",
        ]
        if self.training_tokens is None:
            parts.append("training for as many epochs as the service chooses")
        elif self.training_tokens:
            parts.append(f"about {self.training_tokens:,} of training")
        known = self.price is not None
        price = f"at most some {self.price:.4g}" if known else "what it costs is not known"
        return f"services: {', '.join(parts)}; {price}"


NOTHING = Paid()


def total_paid(of: Iterable[Paid]) -> Paid:
    """All of it together; what is not known of one is not known of all."""
    parts = list(of)
    trained, prices = [p.training_tokens for p in parts], [p.price for p in parts]
    return Paid(
        sum(part.prompt_tokens for part in parts),
        sum(part.completion_tokens for part in parts),
        None if None in trained else sum(filter(None, trained)),
        None if None in prices else sum(filter(None, prices)),
    )
