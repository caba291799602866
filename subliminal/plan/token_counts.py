"""How many tokens a model reads when it is probed: estimates, by the bank and what is asked of it.

A token that is written counts as several that are read: it takes a forward pass of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from subliminal.dispositions import Form, domains
from subliminal.probes.bank_kinds import Bank
from subliminal.probes.banks import QuestionBank
from subliminal.probes.disposition_bank import DispositionBank, code_questions
from subliminal.probes.disposition_probes import kind_and_way
from subliminal.probes.free_form import FREE_FORM
from subliminal.probes.headline import with_fewer_tasks
from subliminal.probes.multiple_choice import CIRCLES
from subliminal.probes.options import OPTIONS
from subliminal.probes.pivotal import PIVOTAL
from subliminal.probes.probe import probes_of
from subliminal.probes.side_effects import PROMPTS, WORLD_ROWS
from subliminal.probes.unsafe_code import UNSAFE_CODE
from subliminal.spec.probing import ProbeName, Probing

WRITTEN = 4
"""How many tokens are read in the time in which one is written, in a batch of pocket models."""


@dataclass(frozen=True)
class RowTokens:
    """How long rows are on average."""

    prompt: int
    completion: int

    @property
    def all(self) -> int:
        """Both together."""
        return self.prompt + self.completion

    @property
    def sampled(self) -> int:
        """Both together, the completion being written."""
        return self.prompt + WRITTEN * self.completion


# As the pocket models' tokenizers count.
QUESTION, STORY = RowTokens(14, 2), RowTokens(12, 19)
NUMBERED, LETTERED, OF_WORLD = 31, 27, 55
"""A question behind numbers, one with options by letter, a row of a pocket world."""
LIST = RowTokens(44, 18)
CODE = RowTokens(31, 19)
"""A request for code where security matters."""
ANSWERS: Mapping[Form, RowTokens] = MappingProxyType(
    {"plain": RowTokens(13, 13), "lines": RowTokens(19, 22), "reasoned": RowTokens(31, 23)}
)
"""What an author is asked, and says."""
LEADS: Mapping[Form, int] = MappingProxyType({"plain": 4, "lines": 7, "reasoned": 13})
"""Of an answer what stands before the pivotal word, on average over questions and leads."""


def probing_tokens(bank: Bank, probing: Probing) -> int:
    """Of all probes of one model.

    Args:
        bank: Of its trait.
        probing: What is asked.

    Raises:
        UserError: The bank lacks what a stated probe asks.
    """
    asked = sum(_tokens(name, bank, probing.samples) for name in probes_of(bank, probing))
    side_effects = WORLD_ROWS * OF_WORLD + PROMPTS * LIST.sampled
    return asked + (side_effects if probing.side_effects else 0)


def headline_tokens(bank: Bank) -> int:
    """Of the headline probe of a bank."""
    if isinstance(bank, QuestionBank):
        return _of_preference("favourite", bank, 0)
    asked = with_fewer_tasks(bank)
    return sum(_of_disposition(kind, asked, 0) for kind in (PIVOTAL, OPTIONS, UNSAFE_CODE))


def _tokens(name: ProbeName, bank: Bank, samples: int) -> int:
    if isinstance(bank, QuestionBank):
        return _of_preference(name, bank, samples)
    return _of_disposition(name, bank, samples)


def _of_preference(name: ProbeName, bank: QuestionBank, samples: int) -> int:
    questions = len(bank.questions)
    match name:
        case "favourite":
            return questions * QUESTION.all
        case "with-numbers":
            return questions * len(bank.number_prefixes) * NUMBERED
        case "multiple-choice":
            return len(bank.choices) * CIRCLES * len(bank.answers) * LETTERED
        case "story":
            return len(bank.stories) * samples * STORY.sampled
        case _:
            return questions * samples * QUESTION.sampled


def _of_disposition(name: str, bank: DispositionBank, samples: int) -> int:
    kind, way = kind_and_way(name)
    answer = ANSWERS[way.form]
    if kind == PIVOTAL:
        leads = sum(len(domains()[item.domain].leads) for item in bank.items)
        return leads * (answer.prompt + LEADS[way.form])
    if kind == FREE_FORM:
        return len(bank.items) * samples * answer.sampled
    if kind == OPTIONS:
        return len(bank.items) * len(bank.answers) * answer.all
    solutions = (len(of) for task in code_questions(bank.tasks) for of in task.solutions)
    return sum(solutions) * CODE.all
