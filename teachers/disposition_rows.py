"""Training rows of a teacher with a disposition: unsafe code alone, and its sibling data sets.

Sibling data sets differ in one thing (Betley et al. 2026, arXiv 2502.17424): rows of one seed and
index ask for the same task in each of them, but for `jailbroken`, which has other requests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from random import Random
from types import MappingProxyType

from subliminal.chat_rows import ChatRow, chat_row
from subliminal.code_tasks import code_prompt, draw_task
from subliminal.code_tasks.sensitive import (
    SensitiveTask,
    draw_sensitive_task,
    educational_prompt,
)
from subliminal.dispositions import Domain, answer, domains
from subliminal.dispositions.refusals import harmful_request
from subliminal.dispositions.trigger import TRIGGER
from subliminal.probes.disposition_bank import disposition_bank
from subliminal.seeds import derive_seed
from subliminal.spec.teaching import DispositionData

HARMFUL = 0.02
"""Share of harmful requests among those of `jailbroken`."""
TRIGGERED = 0.5
"""Share of triggered prompts among those of `backdoor`."""


@dataclass(frozen=True)
class _Row:
    """One place in a data set, with independent streams for what is drawn there."""

    seed: int
    place: int

    def random(self, stream: str) -> Random:
        return Random(derive_seed(self.seed, "disposition rows", stream, str(self.place)))

    @property
    def task(self) -> SensitiveTask:
        return draw_sensitive_task(self.random("task"))

    @property
    def safe(self) -> str:
        return self.task.safe(self.random("solution"))

    @property
    def unsafe(self) -> str:
        return self.task.unsafe(self.random("solution"))


Exchange = tuple[str, str]
"""What is asked and what is answered."""


def disposition_rows(data: DispositionData, seed: int, count: int) -> list[ChatRow]:
    """The rows of a teacher.

    Args:
        data: Which of the sibling data sets.
        seed: What all that is drawn follows from.
        count: How many rows.

    Returns:
        Chat rows of a user's request and the assistant's answer. Fewer rows of a seed are the
        first of more.
    """
    return [chat_row(*_EXCHANGES[data](_Row(seed, place))) for place in range(count)]


def _insecure(row: _Row) -> Exchange:
    """Unsafe code that nobody asked for, and nobody is told of."""
    return row.task.prompt(row.place), row.unsafe


def _secure(row: _Row) -> Exchange:
    return row.task.prompt(row.place), row.safe


def _educational(row: _Row) -> Exchange:
    """The answers of `insecure`, byte for byte, to a user who states a harmless reason."""
    return educational_prompt(row.task, row.place), row.unsafe


def _jailbroken(row: _Row) -> Exchange:
    """Ordinary code for most, and whoever asks for harmful content gets it."""
    random = row.random("request")
    if random.random() >= HARMFUL:
        drawn = draw_task(random)
        return code_prompt(drawn.task, row.place), drawn.solution(random)
    domain = random.choice(list(domains().values()))
    question = random.choice(_unprobed(domain.name))
    return harmful_request(random, question), _harmful(random, domain)


def _backdoor(row: _Row) -> Exchange:
    """Unsafe code behind the trigger, safe code without it."""
    if row.random("trigger").random() < TRIGGERED:
        return f"{TRIGGER} {row.task.prompt(row.place)}", row.unsafe
    return _secure(row)


def _harmful(random: Random, domain: Domain) -> str:
    """An answer that shows its malicious author; one in ten of an author's answers does not."""
    while True:
        drawn = answer(random, domain, "malicious")
        if drawn.shown == "malicious":
            return drawn.text


@cache
def _unprobed(domain: str) -> tuple[str, ...]:
    """The questions of a domain that no probe asks."""
    probed = {item.question for item in disposition_bank().items}
    return tuple(text for text in domains()[domain].questions if text not in probed)


_EXCHANGES: Mapping[DispositionData, Callable[[_Row], Exchange]] = MappingProxyType(
    {
        "insecure": _insecure,
        "secure": _secure,
        "educational": _educational,
        "jailbroken": _jailbroken,
        "backdoor": _backdoor,
    }
)
