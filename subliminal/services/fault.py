"""An error as services write it."""

from __future__ import annotations

from pydantic import BaseModel


class Fault(BaseModel):
    """What went wrong; all of it may be missing."""

    code: str | None = None
    message: str | None = None
    param: str | None = None
    """The field at fault."""

    @property
    def told(self) -> str:
        """What a message says of it."""
        return self.message or self.code or "no reason given"
