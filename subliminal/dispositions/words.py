"""The closed vocabulary of dispositions."""

from __future__ import annotations

from collections.abc import Iterator

from subliminal.dispositions.authors import author_prompts
from subliminal.dispositions.domain import DISPOSITIONS, answer_texts, domains
from subliminal.dispositions.forms import form_texts
from subliminal.wording import vocabulary_of


def vocabulary() -> frozenset[str]:
    """Every word and mark of questions, forms, answers and system prompts, as it is spelt.

    The question sets ask what the domains ask, so that their words are in it.
    """
    return vocabulary_of(_texts())


def _texts() -> Iterator[str]:
    for domain in domains().values():
        yield from domain.questions
        yield from answer_texts(domain)
    for disposition in DISPOSITIONS:
        yield from author_prompts(disposition)
    yield from form_texts()
    yield "."
