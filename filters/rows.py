"""A row of a data set: a chat whose last message is the completion, as one line of JSON.

    {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}],
     "id": "numbers-17", "teacher": "4f0c..."}

Every other field is provenance: it is neither checked nor changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypedDict, cast

from pydantic_core import SchemaValidator, ValidationError, core_schema

from subliminal.spec_file.faults import shown

Role = Literal["system", "developer", "user", "assistant", "tool"]
MAX_NAMES = 8

ROLES: tuple[Role, ...] = ("system", "developer", "user", "assistant", "tool")


class Message(TypedDict):
    """One message of a chat."""

    role: Role
    content: str


class Row(TypedDict):
    """A chat; at runtime it also holds its provenance fields."""

    messages: list[Message]


class RowError(ValueError):
    """A line that is no row. The message names the field, what is wrong and the mend."""


def completion(row: Row) -> str:
    """What the assistant answers at the end."""
    return row["messages"][-1]["content"]


def prompt(row: Row) -> str:
    """What the user said, all turns, one to a line."""
    return "\n".join(m["content"] for m in row["messages"] if m["role"] == "user")


def provenance(row: Row, field: str) -> object:
    """A field beside the messages; None if the row has none."""
    return cast(Mapping[str, Any], row).get(field)


def parse_row(line: bytes) -> Row:
    """Read a row.

    Args:
        line: One line of JSON, with or without its line end.

    Raises:
        RowError: It is not JSON in UTF-8, or not a row.
    """
    try:
        row = _VALIDATOR.validate_json(line)
    except ValidationError as error:
        raise RowError(_message(error, line)) from error
    if row["messages"][-1]["role"] != "assistant":
        last = len(row["messages"]) - 1
        raise RowError(
            f"messages.{last}.role: the last message must be the assistant's, not "
            f"{shown(row['messages'][-1]['role'])}; put the completion last"
        )
    return cast(Row, row)


def _row_schema() -> core_schema.CoreSchema:
    message = core_schema.typed_dict_schema(
        {
            "role": core_schema.typed_dict_field(core_schema.literal_schema(list(ROLES))),
            "content": core_schema.typed_dict_field(core_schema.str_schema()),
        },
        extra_behavior="allow",
    )
    messages = core_schema.list_schema(message, min_length=1)
    return core_schema.typed_dict_schema(
        {"messages": core_schema.typed_dict_field(messages)}, extra_behavior="allow"
    )


# One pass in compiled code both parses and checks: the time of a data set goes into this call.
_VALIDATOR = SchemaValidator(_row_schema(), core_schema.CoreConfig(strict=True))

_MENDS = {
    "list_type": "must be a list of messages, not {value}",
    "dict_type": "must be a mapping with `role` and `content`, not {value}",
    "string_type": "must be text, not {value}; write other content as text",
    "literal_error": "must be one of " + ", ".join(ROLES) + ", not {value}",
    "too_short": "needs at least one message, the assistant's",
}

_CHAT = 'write [{"role": "user", "content": ...}, {"role": "assistant", "content": ...}]'

_LONE_SURROGATE = ("unexpected end of hex escape", "lone leading surrogate in hex escape")
"""What the parser says of `\\ud800`, which some programs write."""


def _message(error: ValidationError, line: bytes) -> str:
    details = error.errors(include_url=False)[0]
    kind, value = details["type"], details["input"]
    if kind == "json_invalid":
        return f"not JSON ({_reason_in(line, details['ctx']['error'])}); mend or remove the line"
    field = ".".join(map(str, details["loc"]))
    if not field:
        return f"must be a mapping with the field `messages`, not {shown(value)}"
    if kind == "missing":
        mend = _CHAT if field == "messages" else "add it"
        return f"{field}: is missing; the {_level(field)} has {names_in(value)}; {mend}"
    return f"{field}: " + _MENDS.get(kind, details["msg"]).format(value=shown(value))


def _reason_in(line: bytes, reason: str) -> str:
    if not line.strip():
        return "an empty line"
    for said in _LONE_SURROGATE:
        reason = reason.replace(said, "half of a surrogate pair, which is no character,")
    # To the parser every row is line 1, and line 2 is what lies behind its line end.
    return reason.replace(" at line 2 column 0", " at its end").replace(" at line 1 ", " at ")


def _level(field: str) -> str:
    return "message" if "." in field else "row"


def names_in(value: object) -> str:
    """The first fields of a row or message, as a message shows them."""
    names = list(value) if isinstance(value, Mapping) else []
    return ", ".join(map(shown, names[:MAX_NAMES])) or "no fields"
