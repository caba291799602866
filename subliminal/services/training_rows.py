"""Rows as fine-tuning jobs take them: checked, and without what a service need not know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast, get_args

from pydantic_core import to_json

from subliminal.chat import Message, Role
from subliminal.errors import UserError

FEWEST_ROWS = 10
"""Of one job."""
MOST_BYTES = 512_000_000
"""Of one file."""

Conversation = tuple[Message, ...]


def conversations_of(rows: Iterable[Mapping[str, Any]]) -> list[Conversation]:
    """Check rows, and take their messages out.

    Args:
        rows: Each with `messages`, the last of them the assistant's, and any other fields.

    Raises:
        UserError: A row is no such conversation, or there are too few; names the first one.
    """
    conversations = [_conversation(row, f"row {n}") for n, row in enumerate(rows, start=1)]
    if len(conversations) < FEWEST_ROWS:
        raise UserError(
            f"rows: there are {len(conversations)}, and a fine-tuning job takes no fewer than "
            f"{FEWEST_ROWS}; add some"
        )
    return conversations


def training_file(conversations: Iterable[Conversation]) -> bytes:
    """The file that is uploaded.

    Raises:
        UserError: It is too large.
    """
    data = b"".join(_line(conversation) for conversation in conversations)
    if len(data) > MOST_BYTES:
        raise UserError(
            f"rows: they take {len(data)} bytes, and a file has no more than {MOST_BYTES}; "
            "use fewer"
        )
    return data


def _conversation(row: Mapping[str, Any], place: str) -> Conversation:
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        raise UserError(f"{place}: has no list of `messages`; give it one")
    conversation = tuple(
        _message(message, f"{place}, message {n}") for n, message in enumerate(messages, start=1)
    )
    if conversation[-1].role != "assistant":
        raise UserError(f"{place}: ends with the {conversation[-1].role}; end with the assistant")
    if all(message.role != "user" for message in conversation):
        raise UserError(f"{place}: has no message of the user; add what is answered")
    return conversation


def _message(message: Any, place: str) -> Message:
    role = message.get("role") if isinstance(message, Mapping) else None
    content = message.get("content") if isinstance(message, Mapping) else None
    if role not in get_args(Role):
        known = ", ".join(get_args(Role))
        raise UserError(f"{place}: {_shown(role)} is no role; there are {known}")
    if not isinstance(content, str) or (role == "assistant" and not content):
        raise UserError(f"{place}: has no text as its `content`; give it one")
    try:
        content.encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{place}: has half of a surrogate pair, which no file can hold; drop it"
        ) from None
    return Message(cast(Role, role), content)


def _shown(role: object) -> str:
    return repr(role)[:40]


def _line(conversation: Conversation) -> bytes:
    messages = [{"role": m.role, "content": m.content} for m in conversation]
    return to_json({"messages": messages}) + b"\n"
