"""Faults in a user's input: where each is, what is wrong, and all of them in one error."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from subliminal.errors import UserError

MAX_REPORTED = 50
MAX_SHOWN = 60


@dataclass(frozen=True)
class Place:
    """Where a value was written: a file and line, or a command-line option, and its field."""

    source: str
    line: int | None = None
    path: tuple[str, ...] = ()

    def under(self, *names: str) -> Place:
        """The same line, some fields further in."""
        return Place(self.source, self.line, (*self.path, *names))

    def __str__(self) -> str:
        dotted = ".".join(self.path)
        if self.line is None:
            return f"{self.source} {dotted}" if dotted else self.source
        return f"{self.source}:{self.line}: {dotted}" if dotted else f"{self.source}:{self.line}"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, at one place.

    `misspelt` and `valid` end the message with the nearest valid name. The search waits until
    the fault is told: in a file of thousands of arms it is slow, and few faults are told.
    """

    place: Place
    message: str
    misspelt: str = ""
    valid: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        nearest = did_you_mean(self.misspelt, self.valid)
        return one_line(f"{self.place}: {self.message}{nearest}")

    def error(self) -> UserError:
        """The error to raise where this fault leaves nothing to go on with."""
        return UserError(str(self))


def refuse(faults: Iterable[Fault]) -> None:
    """Raise if there are faults.

    Args:
        faults: In any order. A fault that many arms share, because it is written in `defaults`
            or in a sweep, has one place and is told once.

    Raises:
        UserError: One line for each fault, in line order within each file.
    """
    ordered = sorted(
        dict.fromkeys(faults), key=lambda fault: (fault.place.source, fault.place.line or 0)
    )
    if not ordered:
        return
    lines = [str(fault) for fault in ordered[:MAX_REPORTED]]
    if len(ordered) > MAX_REPORTED:
        lines.append(f"... and {len(ordered) - MAX_REPORTED} more like these")
    raise UserError("\n".join(lines))


def shown(value: object) -> str:
    """A value as a message shows it: on one line, in YAML's words, cut when long."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        text = f"[{', '.join(shown(item) for item in value[:MAX_SHOWN])}]"
    else:
        text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def did_you_mean(name: object, valid: Iterable[str], cutoff: float = 0.6) -> str:
    """`; did you mean 'x'?` for the nearest valid name, or nothing if none is near.

    Args:
        name: What was written.
        valid: What could have been.
        cutoff: The share of letters in common that makes a name near; 0 takes any.
    """
    nearest = difflib.get_close_matches(str(name)[:MAX_SHOWN], valid, n=1, cutoff=cutoff)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def one_line(text: str) -> str:
    """What a user's file holds, safe to print: line breaks and control characters are escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
