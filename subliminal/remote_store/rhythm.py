"""How often a store at a URL is written to and looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rhythm:
    """Seconds between what is done again and again."""

    between_beats: float = 20.0
    """Renewals of a claim."""
    until_dead: float = 120.0
    """For which a waiting run believes in a claim that is not renewed."""
    between_looks: float = 5.0
    """Looks of a waiting run at the claims."""
    between_copies: float = 300.0
    """Copies of a stage's progress."""
