"""The vocabulary of an experiment file, as a JSON schema, and look-ups in it.

A file may say more than :class:`subliminal.spec.Experiment` (presets, includes, defaults, sweeps)
and must say less (anything may come from elsewhere). The schema serves editors; the look-ups
serve every message that has to name a field.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from functools import cache
from typing import Any

from subliminal.spec import Experiment
from subliminal.spec_file.faults import did_you_mean

# What makes an arm the arm it is; a sweep over it would be other arms, not points of one.
NOT_SWEPT = ("role", "control", "group", "point", "sweep")


def json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of an experiment file.

    Nothing is required, since presets, includes and `defaults` can fill any field.

    Returns:
        A schema that the caller may change.
    """
    return deepcopy(_schema())


def fields(path: Sequence[str] = ()) -> tuple[str, ...]:
    """The fields that a file may have under a path.

    Args:
        path: From the top of the file, for example `("arms", "same-aux", "distillation")`.

    Returns:
        Their names; empty where a plain value stands or where any name is free.
    """
    schema = _schema()
    definitions = schema["$defs"]
    for name in path:
        schema = _below(schema, name, definitions)
    return tuple(schema.get("properties", ()))


@cache
def arm_paths() -> tuple[str, ...]:
    """Every dotted path in an arm that a sweep may vary, sections included."""
    definitions = _schema()["$defs"]
    return tuple(_paths(definitions["Arm"], definitions, NOT_SWEPT))


def unknown_field(path: Sequence[str], name: str) -> str:
    """What to say of a field that a file does not have under a path, with the nearest one."""
    known = fields(path)
    meant = did_you_mean(name, known) or did_you_mean_in_arms(path, name)
    return f"unknown field{meant or '; the fields here are ' + ', '.join(known)}"


def did_you_mean_in_arms(path: Sequence[str], name: str) -> str:
    """`; did you mean 'defaults.network.x'?` for the name of a field that stands deeper in arms."""
    if path and path[0] not in ("arms", "defaults"):
        return ""
    start = ".".join(path[: 2 if path[0] == "arms" else 1]) if path else "defaults"
    found = [f"'{start}.{where}'" for where in arm_paths() if where.split(".")[-1] == name]
    return f"; did you mean {' or '.join(found)}?" if found else ""


@cache
def _schema() -> dict[str, Any]:
    schema = Experiment.model_json_schema()
    definitions = schema["$defs"]
    for section in (schema, *definitions.values()):
        section.pop("required", None)
    arm = definitions["Arm"]
    sweep = _sweep(list(_paths(arm, definitions, NOT_SWEPT)))
    arm["properties"]["sweep"] = sweep | {
        "description": "values that this arm takes in turn; multiplied with the file's sweep"
    }
    schema["properties"]["arms"]["additionalProperties"] = _arm_or_nothing()
    schema["properties"] |= {
        "preset": _names("packaged settings to start from; includes and this file go over them"),
        "include": _names("files, relative to this one, to start from; this file goes over them"),
        "defaults": _arm_or_nothing() | {"description": "what every arm has unless it says else"},
        "sweep": sweep | {"description": "values that every arm takes in turn"},
    }
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Experiment file"
    return schema


def _arm_or_nothing() -> dict[str, Any]:
    return {"anyOf": [{"$ref": "#/$defs/Arm"}, {"type": "null"}]}


def _names(description: str) -> dict[str, Any]:
    names = {"type": "array", "items": {"type": "string"}}
    return {"anyOf": [{"type": "string"}, names, {"type": "null"}], "description": description}


def _sweep(paths: list[str]) -> dict[str, Any]:
    entry = {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"enum": paths},
        "additionalProperties": {"type": "array", "minItems": 1},
    }
    return {"anyOf": [entry, {"type": "array", "items": entry}, {"type": "null"}]}


def _paths(
    section: dict[str, Any], definitions: dict[str, Any], leave_out: Sequence[str] = ()
) -> Iterator[str]:
    for name, schema in section.get("properties", {}).items():
        if name not in leave_out:
            yield name
            inner = _resolved(schema, definitions)
            yield from (f"{name}.{path}" for path in _paths(inner, definitions))


def _below(schema: dict[str, Any], name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    free = schema.get("additionalProperties", False)
    otherwise = free if isinstance(free, dict) else {}
    return _resolved(schema.get("properties", {}).get(name, otherwise), definitions)


def _resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The section that a schema stands for: references followed, `or nothing` taken off."""
    for option in (schema, *schema.get("anyOf", ())):
        if "$ref" in option:
            section: dict[str, Any] = definitions[option["$ref"].rpartition("/")[2]]
            return section
    return schema
