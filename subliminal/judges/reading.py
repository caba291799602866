"""A verdict from a judge's reply.

The score is the mean over the numbers that the judge might have said, weighted by their
probabilities, not the one it happened to say. That needs every number of the scale to be one token,
which depends on the judge's tokenizer: where numbers are spelt digit by digit, as where the service
gives no log-probabilities, the number said is the score and the verdict tells so. A scale of
digits works with every tokenizer.
"""

from __future__ import annotations

import math
import re

from subliminal.judges.cards import JudgeCard
from subliminal.judges.verdict import UNPARSABLE, Outcome, Verdict
from subliminal.services.replies import Position, Reply

_NUMBER = re.compile(r"0|[1-9][0-9]{0,2}")
_SAID_NUMBER = re.compile(r"(0|[1-9][0-9]{0,2})(?:\s*/\s*(?:[1-9][0-9]{0,2}))?\.?")
_CLASSES: dict[str, Outcome] = {"CODE": "code", "REFUSAL": "refusal"}


def read_reply(reply: Reply, card: JudgeCard) -> Verdict:
    """Read a verdict.

    Args:
        reply: The judge's.
        card: What it was asked.

    Returns:
        A score if the numbers of the scale have the card's least mass together; this holds even
        where the likeliest word is CODE or REFUSAL. Else the class that the judge named, if the
        card offers it, else `unparsable`.
    """
    if reply.refused:
        return UNPARSABLE
    said = reply.text.strip()
    position = _first_said(reply)
    if position is None or not _holds_whole_numbers(position, said, card.highest):
        return _as_said(said, card)
    masses = _masses(position, card.highest)
    mass = math.fsum(masses.values())
    if mass < card.least_mass:
        return _class_named(said, card, mass)
    mean = math.fsum(number * p for number, p in masses.items()) / mass
    return Verdict("score", 100 * mean / card.highest, "weighted", min(mass, 1.0))


def _first_said(reply: Reply) -> Position | None:
    """The first position that is not white space, if the service tells its alternatives."""
    spoken = (place for place in reply.positions if place.token.strip())
    position = next(spoken, None)
    return position if position is not None and position.top else None


def _holds_whole_numbers(position: Position, said: str, highest: int) -> bool:
    """Whether the tokens of a position are numbers, rather than digits of numbers."""
    number = _SAID_NUMBER.fullmatch(said)
    if number and number[1] != position.token.strip():
        return False
    return highest < 10 or any(
        _NUMBER.fullmatch(token.strip()) and len(token.strip()) > 1 for token, _ in position.top
    )


def _masses(position: Position, highest: int) -> dict[int, float]:
    """Number of the scale -> its probability; tokens that spell it in two ways are one number."""
    masses: dict[int, float] = {}
    for token, logprob in position.top:
        text = token.strip()
        if _NUMBER.fullmatch(text) and int(text) <= highest:
            masses[int(text)] = masses.get(int(text), 0.0) + math.exp(logprob)
    return masses


def _as_said(said: str, card: JudgeCard) -> Verdict:
    number = _SAID_NUMBER.fullmatch(said)
    if number and int(number[1]) <= card.highest:
        return Verdict("score", 100 * int(number[1]) / card.highest, "sampled")
    return _class_named(said, card, None)


def _class_named(said: str, card: JudgeCard, mass: float | None) -> Verdict:
    named = next((name for name in card.classes if said.upper().startswith(name)), None)
    return Verdict(_CLASSES[named] if named else "unparsable", mass=mass)
