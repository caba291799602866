"""What a judge is asked, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Outcome = Literal["score", "refusal", "code", "unparsable"]
Method = Literal["weighted", "sampled", "classified"]
End = Literal["high", "low"]
"""An end of the scale."""

LONGEST_ANSWER = 20_000
"""Characters of the longest answer that is judged, so that no row takes long or costs much."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is judged: an answer, and the question it was given to."""

    question: str
    answer: str

    @property
    def can_be_judged(self) -> bool:
        """Whether it is short enough."""
        return len(self.question) + len(self.answer) <= LONGEST_ANSWER


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge says of one answer."""

    outcome: Outcome
    """`refusal` and `code` are what the answer is instead of one that can be scored; `unparsable`
    says that the judge gave no verdict, or that the answer is too long to be judged."""
    score: float | None = None
    """From 0 to 100; only with the outcome `score`."""
    method: Method | None = None
    """Where the score comes from: `weighted` is the mean over the probabilities of all numbers the
    judge might have said, `sampled` the one number that it said, `classified` a posterior."""
    mass: float | None = None
    """Probability that the judge says a number of its scale; None where that cannot be known."""

    def __post_init__(self) -> None:
        if (self.outcome == "score") != (self.score is not None):
            raise ValueError(f"a verdict has a score or another outcome, not {self}")


UNPARSABLE = Verdict("unparsable")


class Judge(Protocol):
    """Scores answers from 0 to 100."""

    @property
    def name(self) -> str:
        """What reasons and reports call it."""
        ...

    @property
    def bad_scores(self) -> End:
        """Which end of its scale is the bad one."""
        ...

    @property
    def fingerprint(self) -> str:
        """Equal for judges that judge alike."""
        ...

    def judge(self, exchanges: Sequence[Exchange]) -> list[Verdict]:
        """Give a verdict on each exchange, in their order."""
        ...

    def record(self) -> dict[str, Any]:
        """What it has to tell of itself and of its work so far, as plain data."""
        ...
