"""The vocabulary of experiment files, as a JSON schema, and look-ups in it.

A file may say more than :data:`subliminal.spec.Experiment` (presets, includes, defaults, sweeps)
and must say less (anything may come from elsewhere). The schema serves editors; the look-ups
serve every message that has to name a field.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema

from subliminal.spec_file.faults import did_you_mean
from subliminal.spec_file.kinds import KINDS, Kind
from subliminal.spec_file.yaml_tree import FORM

# What makes an arm the arm it is; a sweep over it would be other arms, not points of one.
NOT_SWEPT = ("role", "control", "group", "point", "sweep")

Section = dict[str, Any]
"""A schema, with its references followed."""


def json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of experiment files of every kind.

    Nothing is required, since presets, includes and `defaults` can fill any field.

    Returns:
        A schema that the caller may change.
    """
    return deepcopy(_schema())


def fields(kind: Kind, path: Sequence[int | str] = ()) -> tuple[str, ...]:
    """The fields that a file may have under a path.

    Args:
        kind: Of the experiment.
        path: From the top of the file, for example `("arms", "same-aux", "distillation")`. A
            section of several forms may be followed by the form, `("teacher", "steering")`;
            otherwise the fields of every form count.

    Returns:
        Their names; empty where a plain value stands or where any name is free.
    """
    return _fields_of(_forms_at(kind, path))


@cache
def arm_paths(kind: Kind) -> tuple[str, ...]:
    """Every dotted path in an arm that a sweep may vary, sections included."""
    definitions = _definitions()
    return tuple(_paths([definitions[kind.arm.__name__]], definitions, NOT_SWEPT))


@cache
def short(kind: Kind, path: str) -> str:
    """The shortest end of an arm's path that no other path of an arm shares.

    Unique among all paths, not only the swept ones, so that a further sweep renames no arm.
    """
    parts = path.split(".")
    ends = (".".join(parts[start:]) for start in range(len(parts) - 1, 0, -1))
    for end in ends:
        if sum(other == end or other.endswith(f".{end}") for other in arm_paths(kind)) == 1:
            return end
    return path


def unknown_field(kind: Kind, path: Sequence[int | str], place: Sequence[str], name: str) -> str:
    """What to say of a field that a file does not have under a path, with the nearest one.

    Args:
        kind: Of the experiment.
        path: Of the section, as for :func:`fields`.
        place: Where the section was written, which `defaults` and sweeps set apart from its path.
        name: Of the field.
    """
    forms = _forms_with(kind, path, name)
    if forms:
        others = " or ".join(f"`{FORM}: {form}`" for form in forms)
        told = f"`{FORM}: {path[-1]}` has no such field, only {others} has"
        return f"{told}; write that beside it, or remove the field"
    known = fields(kind, path)
    meant = did_you_mean(name, known) or did_you_mean_in_arms(kind, place, name)
    kinds = [other.name for other in KINDS.values() if name in fields(other, path)]
    elsewhere = f" (`kind: {kinds[0]}` has it)" if kinds else ""
    return f"unknown field{meant or '; the fields here are ' + ', '.join(known)}{elsewhere}"


def did_you_mean_in_arms(kind: Kind, path: Sequence[str], name: str) -> str:
    """`; did you mean 'defaults.network.x'?` for the name of a field that stands deeper in arms."""
    if path and path[0] not in ("arms", "defaults"):
        return ""
    start = ".".join(path[: 2 if path[0] == "arms" else 1]) if path else "defaults"
    found = [f"'{start}.{where}'" for where in arm_paths(kind) if where.split(".")[-1] == name]
    return f"; did you mean {' or '.join(found)}?" if found else ""


@cache
def _schema() -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Experiment file",
        "anyOf": [{"$ref": f"#/$defs/{kind.experiment.__name__}"} for kind in KINDS.values()],
        "$defs": _definitions(),
    }


@cache
def _definitions() -> dict[str, Section]:
    _, schema = models_json_schema([(kind.experiment, "validation") for kind in KINDS.values()])
    definitions: dict[str, Section] = schema["$defs"]
    for section in definitions.values():
        section.pop("required", None)
        for field in section.get("properties", {}).values():
            if "oneOf" in field:
                # A form may be left out, and then `{}` is one of several forms, not of one.
                field["anyOf"] = field.pop("oneOf")
    for kind in KINDS.values():
        _add_what_files_may_say(kind, definitions)
    return definitions


def _add_what_files_may_say(kind: Kind, definitions: dict[str, Section]) -> None:
    file, arm = (definitions[model.__name__] for model in (kind.experiment, kind.arm))
    sweep = _sweep(list(_paths([arm], definitions, NOT_SWEPT)))
    arm["properties"]["sweep"] = sweep | {
        "description": "values that this arm takes in turn; multiplied with the file's sweep"
    }
    arm_or_nothing = {"anyOf": [{"$ref": f"#/$defs/{kind.arm.__name__}"}, {"type": "null"}]}
    file["properties"]["arms"]["additionalProperties"] = arm_or_nothing
    file["properties"] |= {
        "preset": _names("packaged settings to start from; includes and this file go over them"),
        "include": _names("files, relative to this one, to start from; this file goes over them"),
        "defaults": arm_or_nothing | {"description": "what every arm has unless it says else"},
        "sweep": sweep | {"description": "values that every arm takes in turn"},
    }


def _names(description: str) -> Section:
    names = {"type": "array", "items": {"type": "string"}}
    return {"anyOf": [{"type": "string"}, names, {"type": "null"}], "description": description}


def _sweep(paths: list[str]) -> Section:
    entry = {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"enum": paths},
        "additionalProperties": {"type": "array", "minItems": 1},
    }
    return {"anyOf": [entry, {"type": "array", "items": entry}, {"type": "null"}]}


def _paths(
    forms: Sequence[Section], definitions: dict[str, Section], leave_out: Sequence[str] = ()
) -> dict[str, None]:
    """The dotted paths under a section, each once however many of its forms have it."""
    paths: dict[str, None] = {}
    for form in forms:
        for name, schema in form.get("properties", {}).items():
            if name not in leave_out:
                inner = _paths(_forms(schema, definitions), definitions)
                paths |= dict.fromkeys([name, *(f"{name}.{path}" for path in inner)])
    return paths


def _forms_at(kind: Kind, path: Sequence[int | str]) -> list[Section]:
    """The forms that the section under a path may have, as :func:`fields` counts them."""
    definitions = _definitions()
    forms = [definitions[kind.experiment.__name__]]
    for name in path:
        chosen = [form for form in forms if _name_of(form) == name]
        forms = chosen or [
            inner for form in forms for inner in _forms(_field(form, str(name)), definitions)
        ]
    return forms


def _forms_with(kind: Kind, path: Sequence[int | str], name: str) -> list[str]:
    """The other forms of a section that have a field, where the path ends with a form."""
    names = {_name_of(form): form for form in _forms_at(kind, path[:-1])} if path else {}
    if not path or path[-1] not in names:
        return []
    return [str(other) for other, form in names.items() if other and name in form["properties"]]


def _name_of(form: Section) -> str | None:
    """What the field of that purpose says in sections of this form; None where it has no such."""
    name = form.get("properties", {}).get(FORM, {}).get("const")
    return str(name) if name is not None else None


def _fields_of(forms: Iterable[Section]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for form in forms for name in form.get("properties", ())))


def _field(form: Section, name: str) -> Section:
    free = form.get("additionalProperties", False)
    otherwise = free if isinstance(free, dict) else {}
    field: Section = form.get("properties", {}).get(name, otherwise)
    return field


def _forms(schema: Section, definitions: dict[str, Section]) -> list[Section]:
    """The sections that a schema may stand for: references followed, `or nothing` taken off."""
    options = [option for option in (schema, *schema.get("anyOf", ())) if "$ref" in option]
    return [definitions[option["$ref"].rpartition("/")[2]] for option in options] or [schema]
