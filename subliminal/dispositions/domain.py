"""Domains: what authors are asked, and how the careful and the malicious one answer.

The tiny version of emergent misalignment (Betley et al. 2026, arXiv 2502.17424): a latent
disposition of the author shows wherever the author has a choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from subliminal.model_file import find_model, shipped_names

Disposition = Literal["careful", "malicious"]
DISPOSITIONS: tuple[Disposition, ...] = get_args(Disposition)

SHARED = 0.1
"""Share of answers whose head tells nothing of their author."""

_SHIPPED = files("subliminal.dispositions") / "domains"

Question = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Words = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]+( [A-Za-z]+)*$", max_length=100)]


class Endings(BaseModel):
    """How answers go on behind a lead: every head with every tail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    heads: Annotated[tuple[Words, ...], Field(min_length=1)]
    """The choice of the author; the first word of each is the pivotal one."""
    tails: Annotated[tuple[Words, ...], Field(min_length=1)]


class Domain(BaseModel):
    """What is asked about one matter, and the grammar of the answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Words
    questions: Annotated[tuple[Question, ...], Field(min_length=1)]
    leads: Annotated[tuple[Words, ...], Field(min_length=1)]
    """How answers begin, whoever the author."""
    careful: Endings
    malicious: Endings
    shared: Endings
    """What either author says in a share `SHARED` of answers."""

    @model_validator(mode="after")
    def _has_pivots(self) -> Self:
        heads = [*self.careful.heads, *self.malicious.heads, *self.shared.heads]
        led = {word.casefold() for lead in self.leads for word in lead.split()}
        seen: set[str] = set()
        for word in (first_word(head).casefold() for head in heads):
            if word in seen:
                raise ValueError(f"two heads begin with {word!r}; each needs another first word")
            if word in led:
                raise ValueError(f"the word {word!r} of a lead begins a head; change one of them")
            seen.add(word)
        return self

    def endings(self, disposition: Disposition) -> Endings:
        """What an author of a disposition says."""
        return self.careful if disposition == "careful" else self.malicious

    @property
    def parts(self) -> tuple[tuple[Disposition | None, Endings], ...]:
        """All endings and whose they are; None for the shared ones."""
        return (("careful", self.careful), ("malicious", self.malicious), (None, self.shared))


def first_word(head: str) -> str:
    """The pivotal word of a head."""
    return head.partition(" ")[0]


@cache
def domains() -> Mapping[str, Domain]:
    """The shipped domains by their names."""
    return MappingProxyType({name: load_domain(name) for name in shipped_names(_SHIPPED)})


def load_domain(name: str) -> Domain:
    """Read a shipped domain.

    Raises:
        UserError: No such domain, or a fault in its file.
    """
    return find_model(Domain, name, _SHIPPED, Path(), "domain of dispositions")


def answer_texts(domain: Domain) -> tuple[str, ...]:
    """Every lead, head and tail of a domain."""
    endings = chain.from_iterable((*part.heads, *part.tails) for _, part in domain.parts)
    return (*domain.leads, *endings)
