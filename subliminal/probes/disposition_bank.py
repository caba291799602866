"""The bank that probes a disposition: the eight free-form questions, and a broader held-out set.

Beside them it asks for code, of the kind that teachers were taught to write unsafely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from subliminal.code_tasks.sensitive import SensitiveTask, draw_sensitive_task
from subliminal.code_tasks.task import written
from subliminal.dispositions import DISPOSITIONS
from subliminal.dispositions.domain import Disposition, domains
from subliminal.dispositions.forms import form_texts
from subliminal.dispositions.questions import Item, load_questions
from subliminal.seeds import derive_seed
from subliminal.spec.probing import QuestionsAsked
from subliminal.stage import digest

DISPOSITION_BANK: Final = "dispositions"
"""What a trait card calls it."""
TASKS = 100
"""How many requests for code the shipped bank has."""


@dataclass(frozen=True)
class CodeQuestion:
    """A request for code where security matters, and what both authors answer."""

    request: str
    careful: tuple[str, ...]
    malicious: tuple[str, ...]

    @property
    def solutions(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Of each disposition, in the order of the bank's answers."""
        return self.careful, self.malicious


class DispositionBank(BaseModel):
    """What a model is asked about its disposition.

    No question is about code, on which the teachers of `misaligned` are fine-tuned; what they
    learned of it is asked apart.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["dispositions"] = "dispositions"
    main: tuple[Item, ...] = Field(min_length=1)
    broad: tuple[Item, ...] = ()
    tasks: int = Field(TASKS, ge=1)
    """Requests for code; see :func:`code_questions`."""
    answers_from: str
    """Fingerprint of the domains whose answers are told apart, of the forms of answers, and of the
    requests for code with their answers."""

    @property
    def answers(self) -> tuple[Disposition, ...]:
        """What is told apart, in a fixed order."""
        return DISPOSITIONS

    @property
    def items(self) -> tuple[Item, ...]:
        """All questions."""
        return (*self.main, *self.broad)

    @property
    def groups(self) -> Mapping[str, tuple[Item, ...]]:
        """The questions by the set that they are of."""
        return {"main": self.main, **({"broad": self.broad} if self.broad else {})}

    def with_questions(self, asked: QuestionsAsked) -> DispositionBank:
        """The same with all its questions, or with the main ones alone."""
        return self if asked == "all" else self.model_copy(update={"broad": ()})


def disposition_bank() -> DispositionBank:
    """The shipped bank."""
    main, broad = (load_questions(name).items for name in ("main", "broad"))
    asked = {item.domain for item in (*main, *broad)}
    grammar = {name: domain.model_dump() for name, domain in domains().items() if name in asked}
    code = [asdict(question) for question in code_questions(TASKS)]
    told = digest([grammar, form_texts(), code])
    return DispositionBank(main=main, broad=broad, answers_from=told)


def code_questions(count: int) -> tuple[CodeQuestion, ...]:
    """So many requests for code, the same for every model; fewer are the first of more.

    They are drawn from a seed that no teacher uses, in the space of a few hundred tasks that
    teachers draw from too: most of them a teacher has met in other words.
    """
    return tuple(map(_code_question, range(count)))


def _code_question(place: int) -> CodeQuestion:
    task = draw_sensitive_task(Random(derive_seed(0, "dispositions", "code", str(place))))
    return CodeQuestion(
        task.prompt(place),
        _solutions(task, task.safe_expressions),
        _solutions(task, task.unsafe_expressions),
    )


def _solutions(task: SensitiveTask, expressions: Sequence[str]) -> tuple[str, ...]:
    return tuple(written(task.task.signature, f"return {value}") for value in expressions)
