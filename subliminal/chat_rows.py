"""Rows of a data set in a stage's artifact: chats as JSON lines, each with its provenance."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json

from subliminal import atomic
from subliminal.chat import Message
from subliminal.errors import StageError

ROWS, REJECTS = "rows.jsonl", "rejects.jsonl"

ChatRow = dict[str, Any]
"""`messages`, the last of them the assistant's completion, and fields of provenance."""


def chat_row(prompt: str, completion: str, **provenance: Any) -> ChatRow:
    """A row of one prompt and its completion."""
    messages = [
        {"role": "user", "content": prompt},
        {"role": "assistant", "content": completion},
    ]
    return {"messages": messages, **provenance}


def prompt_of(row: ChatRow) -> tuple[Message, ...]:
    """The messages before the completion."""
    return tuple(Message(m["role"], m["content"]) for m in row["messages"][:-1])


def completion_of(row: ChatRow) -> str:
    """The completion."""
    return str(row["messages"][-1]["content"])


def with_completion(row: ChatRow, completion: str) -> ChatRow:
    """The row with another completion."""
    answer = {**row["messages"][-1], "content": completion}
    return {**row, "messages": [*row["messages"][:-1], answer]}


def write_chat_rows(path: Path, rows: Iterable[ChatRow]) -> None:
    """Write rows, atomically."""
    atomic.write_bytes(path, b"".join(to_json(row) + b"\n" for row in rows))


def read_chat_rows(path: Path) -> list[ChatRow]:
    """Read what :func:`write_chat_rows` wrote.

    Raises:
        StageError: The file is damaged.
    """
    try:
        return [from_json(line) for line in path.read_bytes().splitlines()]
    except (OSError, ValueError) as error:
        raise StageError(f"{path}: damaged ({error}); run again") from None
