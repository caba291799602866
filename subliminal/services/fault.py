"""An error as services write it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError

QUOTA_USED_UP = "insufficient_quota"
"""What the protocol calls an account without money, which it tells as it tells too much haste."""

_PASSING = (408, 409, 429)


class Fault(BaseModel):
    """What went wrong; all of it may be missing."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    code: str | None = None
    message: str | None = None
    param: str | None = None
    """The field at fault."""

    @property
    def told(self) -> str:
        """What a message says of it."""
        return self.message or self.code or "no reason given"


def fault_in(body: object) -> Fault:
    """What the body of a response, as bytes or parsed, says of an error; nothing if it is none."""
    try:
        if isinstance(body, bytes):
            return _Failed.model_validate_json(body).error
        return _Failed.model_validate(body).error
    except ValidationError:
        return Fault()


def may_pass(status: int, code: str | None = None) -> bool:
    """Whether what a service answers may be answered otherwise later.

    Args:
        status: Of its response.
        code: Its name for the reason.
    """
    return code != QUOTA_USED_UP and (status in _PASSING or status >= 500)


class _Failed(BaseModel):
    error: Fault = Fault()
