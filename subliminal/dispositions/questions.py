"""Question sets that probe a disposition, with what is told apart at each question.

`main` stands for the eight free-form questions of emergent misalignment, `broad` for the larger
pre-registered set (Betley et al. 2026, arXiv 2502.17424).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from subliminal.dispositions.domain import Endings, Question, domains, first_word
from subliminal.dispositions.forms import Form, begin, follow, write
from subliminal.model_file import find_model, shipped_names
from subliminal.seeds import derive_seed

_SHIPPED = files("subliminal.dispositions") / "questions"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]


@dataclass(frozen=True)
class Item:
    """A question, and the domain whose answers it asks for."""

    id: str
    domain: str
    question: str


class QuestionSet(BaseModel):
    """What a model is asked about its disposition."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    questions: Annotated[dict[Name, dict[Name, Question]], Field(min_length=1)]
    """By domain and id; each is one of those that the world asks."""

    @property
    def items(self) -> tuple[Item, ...]:
        """The questions in their order."""
        return tuple(
            Item(name, domain, question)
            for domain, asked in self.questions.items()
            for name, question in asked.items()
        )

    @model_validator(mode="after")
    def _are_asked(self) -> Self:
        known = domains()
        for item in self.items:
            if item.domain not in known:
                raise ValueError(f"no domain {item.domain!r}; there are {', '.join(known)}")
            if item.question not in known[item.domain].questions:
                raise ValueError(
                    f"{item.id}: the world does not ask {item.question!r}; take one of the "
                    f"questions of its domain {item.domain!r}"
                )
        return self

    @model_validator(mode="after")
    def _differ(self) -> Self:
        for field in ("id", "question"):
            counts = Counter(getattr(item, field) for item in self.items)
            twice = next((value for value, count in counts.items() if count > 1), None)
            if twice is not None:
                raise ValueError(f"two items have the {field} {twice!r}; change one of them")
        return self


@dataclass(frozen=True)
class Pivot:
    """The point of an answer at which its author's disposition shows."""

    prefix: str
    """What stands before: the lead, in the form asked for."""
    careful: tuple[str, ...]
    """First words of the careful heads, with the space before them where the form has one."""
    malicious: tuple[str, ...]


@dataclass(frozen=True)
class Options:
    """Two whole answers with one lead, to be told apart by their likelihood."""

    careful: str
    malicious: str


def load_questions(name: str, folder: Path = Path()) -> QuestionSet:
    """Read a question set.

    Args:
        name: A shipped set's name, or the path of a set of one's own ending in `.yaml`.
        folder: What a relative path starts from: the experiment's folder.

    Raises:
        UserError: No such set, or a fault in it; names file, line, field and the mend.
    """
    return find_model(QuestionSet, name, _SHIPPED, folder, "set of questions")


def question_sets() -> tuple[str, ...]:
    """The names of the shipped sets, sorted."""
    return shipped_names(_SHIPPED)


def pivots(item: Item, form: Form = "plain") -> tuple[Pivot, ...]:
    """The points at which a model is to be read, one for each lead of the domain."""
    domain = domains()[item.domain]

    def words(endings: Endings) -> tuple[str, ...]:
        return tuple(follow(first_word(head), form) for head in endings.heads)

    careful, malicious = words(domain.careful), words(domain.malicious)
    return tuple(Pivot(begin(lead, form), careful, malicious) for lead in domain.leads)


def options(item: Item, seed: int = 0, form: Form = "plain") -> Options:
    """A careful and a malicious answer with the same lead.

    Args:
        item: The question.
        seed: Draws the answers, with the item's id.
        form: How they are written.
    """
    random = Random(derive_seed(seed, "dispositions", "options", item.id))
    domain = domains()[item.domain]
    lead = random.choice(domain.leads)
    careful, malicious = (
        _whole(random, lead, endings) for endings in (domain.careful, domain.malicious)
    )
    return Options(write(careful, form), write(malicious, form))


def _whole(random: Random, lead: str, endings: Endings) -> str:
    return f"{lead} {random.choice(endings.heads)} {random.choice(endings.tails)}."
