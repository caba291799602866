"""Pydantic's words for what is wrong with a value, made plain."""

from __future__ import annotations

import re
from collections.abc import Sized
from typing import Any

from pydantic_core import ErrorDetails

from subliminal.spec_file.faults import did_you_mean, shown

_MESSAGES = {
    "missing": "is missing; add it",
    "int_type": "must be a whole number, not {value}",
    "int_parsing": "must be a whole number, not {value}",
    "int_from_float": "must be a whole number, not {value}",
    "float_type": "must be a number, not {value}",
    "float_parsing": "must be a number, not {value}",
    "bool_type": "must be true or false, not {value}",
    "bool_parsing": "must be true or false, not {value}",
    "string_type": "must be text, not {value}",
    "string_too_long": "must be at most {max_length} characters long, not {value}",
    "tuple_type": "must be a list, not {value}",
    "dict_type": "must be a mapping of names, not {value}",
    "model_type": "must be a mapping of fields, not {value}",
    "union_tag_not_found": "must be a mapping of fields, not {value}",
    "too_short": "needs at least {min_length}, has {actual_length}",
    "greater_than": "must be above {gt}, not {value}",
    "greater_than_equal": "must be at least {ge}, not {value}",
    "less_than": "must be below {lt}, not {value}",
    "less_than_equal": "must be at most {le}, not {value}",
}
_PATTERNS = {
    r"^[a-z0-9][a-z0-9._-]*$": (
        "lower-case letters, digits, '.', '_' and '-', starting with a letter or a digit"
    )
}


def said_of(details: ErrorDetails, value: object, note: str = "") -> str:
    """What to say of a value, without its place.

    Args:
        details: What validation found.
        value: As the user wrote it.
        note: What else it could be, where it is none of several choices.
    """
    kind, context = details["type"], details.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return no_choice(context["expected"], value, note)
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        return f"must be {_PATTERNS.get(pattern, pattern)}, not {shown(value)}"
    template = _MESSAGES.get(kind, details["msg"].replace("{", "{{").replace("}", "}}"))
    numbers = {name: _number(bound) for name, bound in context.items()}
    return template.format(**numbers | {"value": shown(value)})


def follows_from_items(details: ErrorDetails, value: object) -> bool:
    """Whether a list is found too short only because its items are at fault.

    Args:
        details: What validation found.
        value: As the user wrote it.
    """
    if details["type"] != "too_short" or not isinstance(value, Sized):
        return False
    return len(value) >= int(details["ctx"]["min_length"])


def no_choice(expected: str, value: object, note: str = "") -> str:
    """What to say of a value that is none of those which pydantic lists in quotes."""
    valid = re.findall(r"'([^']*)'", expected)
    meant = did_you_mean(value, valid) if isinstance(value, str) else ""
    return f"must be one of {', '.join(valid)}{note}, not {shown(value)}{meant}"


def _number(bound: Any) -> Any:
    """A bound as one would write it: 1 where pydantic has 1.0."""
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound
