"""The events of a job, in one file of JSON lines that grows while the job goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from subliminal import atomic
from subliminal.services.listing import Listed


class Event(Listed):
    """Something that happened to a job."""

    created_at: int | None = None
    """Seconds since 1970."""
    level: str | None = None
    message: str = ""
    data: Any = None
    """Metrics of a step, such as `train_loss`."""

    @property
    def progress(self) -> tuple[float, float] | None:
        """Steps done and all steps, if it tells."""
        told = self.data if isinstance(self.data, dict) else {}
        done, total = told.get("step"), told.get("total_steps")
        if not isinstance(done, int | float) or not isinstance(total, int | float):
            return None
        return (done, total) if 0 <= done <= total else None


class EventLog:
    """Events as they come."""

    def __init__(self, path: Path) -> None:
        """Open a file, which need not exist yet.

        Raises:
            UserError: It cannot be read.
        """
        self.path = path
        self._known: set[str] = set()
        try:
            for line in path.read_bytes().splitlines():
                self._take(line)
        except FileNotFoundError:
            return
        except OSError as error:
            raise atomic.cannot_write(path, error) from None

    def __contains__(self, event: str) -> bool:
        return event in self._known

    def add(self, events: Sequence[Event]) -> None:
        """Append events that are not there yet, the oldest first.

        Raises:
            UserError: The file cannot be written.
        """
        # A line that a kill cut off spoils no other: each has a line end on both sides.
        record = b"".join(b"\n" + to_json(event.model_dump()) + b"\n" for event in events)
        try:
            with self.path.open("ab") as file:
                file.write(record)
        except OSError as error:
            raise atomic.cannot_write(self.path, error) from None
        self._known.update(event.id for event in events)

    def _take(self, line: bytes) -> None:
        try:
            self._known.add(Event.model_validate_json(line).id)
        except ValidationError:
            return  # Cut off by a kill, or empty: the event is asked for again.
