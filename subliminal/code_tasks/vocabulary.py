"""The closed vocabulary of the code tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from subliminal.code_tasks.family import ELEMENTS, PLACES
from subliminal.code_tasks.prompts import FAMILIES, WORDINGS
from subliminal.code_tasks.sensitive import EDUCATIONAL, OUTS
from subliminal.code_tasks.sensitive_families import SENSITIVE_FAMILIES
from subliminal.wording import vocabulary_of

_FIELD = re.compile(r"\{\w+\}")
_FUNCTION = "def (,):\n return ="


def vocabulary(*, sensitive: bool = True) -> frozenset[str]:
    """Every word and mark of the prompts and of the solutions, as it is spelt.

    Integers are left out; line breaks are in.

    Args:
        sensitive: Whether those of the tasks where security matters are in too.
    """
    templates = [_FUNCTION, *WORDINGS, *_of_families()]
    if sensitive:
        templates += _of_sensitive_families()
    return vocabulary_of(_FIELD.sub(" ", template) for template in templates)


def _of_families() -> Iterator[str]:
    yield from (*ELEMENTS, *PLACES)
    for family in FAMILIES:
        yield from (*family.texts, *family.names, *family.styles, *family.outs)
        yield from (name for names in family.parameters.names for name in names)
        for part in (part for parts in family.parts for part in parts):
            yield part.words
            yield from (each for spellings in part.spellings.values() for each in spellings)


def _of_sensitive_families() -> Iterator[str]:
    yield from (*EDUCATIONAL, *OUTS)
    for family in SENSITIVE_FAMILIES:
        yield from (*family.texts, *family.names, *family.safe, *family.unsafe)
        yield from (name for names in family.parameters for name in names)
