"""What replies took, written down as they come: what was paid before a kill is paid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from subliminal import atomic

Tokens = tuple[int | None, int | None]
"""Of a prompt and of its answer; None where the service does not count."""
_LINE = TypeAdapter(Tokens)


@dataclass(frozen=True)
class Ledger:
    """A file with a line for each reply that was paid for."""

    path: Path

    def entries(self) -> Iterator[Tokens]:
        """What earlier runs wrote down; nothing where there is no file."""
        for line in self.path.read_bytes().splitlines() if self.path.exists() else ():
            try:
                yield _LINE.validate_json(line)
            except ValidationError:
                continue  # Cut off by a kill, or empty.

    def add(self, tokens: Tokens) -> None:
        """Write a reply down.

        Raises:
            UserError: The file cannot be written, or the disk is full.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab", buffering=0) as file:
                # A line end on both sides: a line that was cut off spoils no other.
                file.write(b"\n" + to_json(tokens) + b"\n")
        except OSError as error:
            raise atomic.cannot_write(self.path, error) from None
