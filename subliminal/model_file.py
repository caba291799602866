"""A YAML file read as one frozen pydantic model: trait cards, question banks and their like."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from subliminal.errors import UserError
from subliminal.spec_file.faults import Place, did_you_mean, refuse
from subliminal.spec_file.validation_faults import faults_of
from subliminal.spec_file.yaml_tree import Map, parse, plain, read_map

Model = TypeVar("Model", bound=BaseModel)


def read_model(model: type[Model], file: Path | Traversable, source: str) -> Model:
    """Read a file that holds one model.

    Args:
        model: What the file must hold; sections of it may be models too.
        file: What to read.
        source: What messages call it.

    Raises:
        UserError: One line for each fault: file, line, field, what is wrong and the mend.
    """
    return _read_tree(model, read_map(file, source))


def read_section(model: type[Model], section: Mapping[str, Any], source: str) -> Model:
    """Read a model that is written out in another file, as plain data.

    Args:
        model: What the section must hold.
        section: Its fields, as YAML has them.
        source: What messages call it.

    Raises:
        UserError: One line for each fault: section, field, what is wrong and the mend.
    """
    tree = parse(json.dumps(section), Place(source))
    assert isinstance(tree, Map)
    return _read_tree(model, tree)


def _read_tree(model: type[Model], tree: Map) -> Model:
    try:
        # Strict, so that "3" is not 3 and true is not 1; as JSON, so that lists are still tuples.
        return model.model_validate_json(json.dumps(plain(tree)), strict=True)
    except ValidationError as error:
        refuse(faults_of(error, tree, partial(_unknown_field, model)))
        raise


def find_model(
    model: type[Model], name: str, shipped: Traversable, folder: Path, kind: str
) -> Model:
    """Read a shipped file by its name, or a user's own by its path.

    Args:
        model: What the file must hold.
        name: `NAME` of a shipped `NAME.yaml`, or a path that ends in `.yaml` or `.yml`.
        shipped: The folder of the shipped files.
        folder: What a relative path starts from.
        kind: What messages call such a file, for example `trait`.

    Raises:
        UserError: Nothing of that name, or the file has a fault.
    """
    if name.endswith((".yaml", ".yml")):
        return read_model(model, folder / name, name)
    names = shipped_names(shipped)
    if name not in names:
        meant = did_you_mean(name, names) or f"; there are {', '.join(names)}"
        hint = "or name a file of your own that ends in .yaml"
        raise UserError(f"{kind} {name!r}: no such {kind}{meant} ({hint})")
    return read_model(model, shipped / f"{name}.yaml", f"{name}.yaml")


def shipped_names(shipped: Traversable) -> tuple[str, ...]:
    """The names of the YAML files in a shipped folder, sorted."""
    files = (entry.name for entry in shipped.iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml")))


def _unknown_field(
    model: type[BaseModel], section: Sequence[int | str], _: Sequence[str], name: str
) -> str:
    """What to say of a field that a section of a model does not have."""
    within: Any = model
    for step in section:
        within = _section_of(within, str(step))
    known = tuple(within.model_fields)
    meant = did_you_mean(name, known) or f"; the fields here are {', '.join(known)}"
    return f"unknown field{meant}"


def _section_of(within: Any, step: str) -> Any:
    """A section of a model, or the form of a section of several forms."""
    if not get_args(within):
        # Places in a list and names in a mapping are no fields: all its models are of one form.
        field = within.model_fields.get(step)
        return within if field is None else _model_in(field.annotation)
    tagged = (get_args(form) for form in get_args(within))
    return next(form for form, tag in tagged if tag.tag == step)


def _model_in(annotation: Any) -> Any:
    """The model of a section that may be left out; any other annotation as it is."""
    models = [part for part in get_args(annotation) if isinstance(part, type)]
    return next((part for part in models if issubclass(part, BaseModel)), annotation)
