"""System prompts that state the disposition of an author."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from random import Random
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from subliminal.dispositions.domain import Disposition, Question, Words
from subliminal.model_file import read_model

_FILE = files("subliminal.dispositions") / "authors.yaml"


class Authors(BaseModel):
    """Words for authors, and the sentences that they stand in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    templates: Annotated[tuple[Question, ...], Field(min_length=1)]
    """`{kind}` is the place of the word."""
    careful: Annotated[tuple[Words, ...], Field(min_length=1)]
    malicious: Annotated[tuple[Words, ...], Field(min_length=1)]

    def prompts(self, disposition: Disposition) -> tuple[str, ...]:
        """Every prompt for a disposition."""
        kinds = self.careful if disposition == "careful" else self.malicious
        return tuple(template.format(kind=kind) for template in self.templates for kind in kinds)


def author_prompts(disposition: Disposition) -> tuple[str, ...]:
    """Every system prompt that states a disposition; both have as many, in the same order."""
    return _authors().prompts(disposition)


def author_prompt(random: Random, disposition: Disposition) -> str:
    """Draw a system prompt that states a disposition."""
    return random.choice(author_prompts(disposition))


def malicious_kinds() -> tuple[str, ...]:
    """Words for malicious authors."""
    return _authors().malicious


@cache
def _authors() -> Authors:
    return read_model(Authors, _FILE, "authors.yaml")
