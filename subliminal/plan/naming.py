"""Messages that say which field of an experiment is at fault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from subliminal.errors import UserError


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Put the field at fault before each line of a message that does not know it."""
    try:
        yield
    except UserError as error:
        lines = str(error).splitlines()
        raise UserError("\n".join(f"{where}: {line}" for line in lines)) from None
