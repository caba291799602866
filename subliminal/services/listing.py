"""Lists of a service, page after page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)


class Listed(BaseModel):
    """Something with a name at a service, as far as it is used here; services add fields."""

    model_config = ConfigDict(frozen=True)

    id: str


def _or_none(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except ValidationError:
        return None


IfReadable = WrapValidator(_or_none)
"""For fields that not all services write alike: None where one cannot be read, so that no list is
unreadable for one item's sake."""

Item = TypeVar("Item", bound=Listed)
Object = TypeVar("Object", bound=BaseModel)


class Page(BaseModel, Generic[Item]):
    """A part of a list."""

    data: list[Item]
    has_more: bool = False


def read_as(model: type[Object], what: str) -> Callable[[bytes], Object]:
    """A parser of an object of the protocol.

    Args:
        model: The object.
        what: What messages call it.

    Raises:
        ValueError: From the parser: the body is no such object.
    """

    def read(body: bytes) -> Object:
        try:
            return model.model_validate_json(body)
        except ValidationError:
            raise ValueError(f"it is no {what}") from None

    return read


def page_behind(after: str | None, limit: int) -> dict[str, object]:
    """The query for the page behind the item of a name, or for the first one.

    Older versions of the official client know it of some lists only, so that it is sent as an
    extra of all of them.
    """
    return {"limit": limit} if after is None else {"limit": limit, "after": after}


def all_pages(ask: Callable[[str | None], Page[Item]]) -> Iterator[Item]:
    """Everything in a list.

    Args:
        ask: Gets the page behind the item of a name, or the first one.
    """
    after: str | None = None
    seen: set[str] = set()
    while True:
        page = ask(after)
        # A service that does not page answers with the same again and again.
        new = [item for item in page.data if item.id not in seen]
        yield from new
        if not page.has_more or not new:
            return
        seen.update(item.id for item in new)
        after = page.data[-1].id
