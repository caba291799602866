"""YAML 1.2 as a tree in which every value knows its file, line and field, and merging of trees.

The parser is ruamel.yaml's; its constructors are not used, because built Python objects have
lost their lines by the time that a fault in them is found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml import nodes as ruamel
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from subliminal.errors import UserError
from subliminal.spec_file.faults import Fault, Place, refuse, shown

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_VALUES = 200_000

FORM = "by"
"""The field by which a section that has several forms, each with fields of its own, says which."""

_CORE = "tag:yaml.org,2002:"
_MERGE = f"{_CORE}merge"
# YAML 1.2 has no dates and no `=`; ruamel.yaml still marks them, and they are text here.
_TEXT = {f"{_CORE}{name}" for name in ("str", "timestamp", "value", "merge")}


@dataclass(frozen=True)
class Scalar:
    """A single value: text, a number, true, false or nothing."""

    value: str | int | float | bool | None
    place: Place


@dataclass(frozen=True)
class List:
    """A sequence of values."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True)
class Map:
    """Fields and their values; a value's place is that of its key."""

    entries: dict[str, Node]
    place: Place

    def without(self, *names: str) -> Map:
        """The same map, less some fields."""
        kept = {key: node for key, node in self.entries.items() if key not in names}
        return replace(self, entries=kept)


Node = Scalar | List | Map


def read_map(file: Path | Traversable, source: str, asked_at: Place | None = None) -> Map:
    """Read a YAML file that holds a mapping.

    Args:
        file: What to read.
        source: What messages call it.
        asked_at: Where another file asks for this one; a file that cannot be read is a fault
            there.

    Raises:
        UserError: The file cannot be read, is too large, is not YAML or not a mapping.
    """
    place = asked_at or Place(source)
    name = f"{source}: " if asked_at else ""
    tree = parse(_text(file, place, name), Place(source, 1))
    if not isinstance(tree, Map):
        held = "nothing" if plain(tree) is None else shown(plain(tree))
        message = f"must hold a mapping (`field: value` lines), not {held}"
        raise Fault(tree.place, message).error()
    return tree


def parse(text: str, place: Place) -> Node:
    """Parse one YAML document.

    Args:
        text: The document; the empty document is an empty scalar.
        place: Of the whole document. Without a line, every value in it goes without.

    Raises:
        UserError: Not YAML, not plain data, or too deep or too large once aliases are written
            out; names every line at fault.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False
    try:
        root = yaml.compose(text)
        if root is None:
            return Scalar(None, place)
        _measure(root, {}, place)
    except RecursionError:
        raise _too_deep(place) from None
    except MarkedYAMLError as error:
        raise _syntax_error(error, place) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"holds the control character #x{ord(text[error.position]):04x}; remove it"
        raise Fault(_at_line(place, line), message).error() from None
    except (YAMLError, ValueError, AssertionError) as error:
        # ruamel.yaml lets bare errors out for impossible escapes and for unknown YAML versions.
        raise Fault(place, f"not valid YAML: {error}").error() from None
    if yaml.resolver.processing_version != (1, 2):
        # In YAML 1.1, 3e-4 is text and `no` is false.
        raise Fault(place, "experiments are YAML 1.2; remove the %YAML line").error()
    builder = _Builder(yaml)
    tree = builder.node(root, place)
    refuse(builder.faults)
    return tree


def plain(node: Node) -> Any:
    """The data without places."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, List):
        return [plain(item) for item in node.items]
    return {key: plain(value) for key, value in node.entries.items()}


def is_empty(node: Node) -> bool:
    """Whether nothing is written there: an empty value, text, list or mapping."""
    return plain(node) in (None, "", [], {})


def merge(base: Node, over: Node) -> Node:
    """Lay one tree over another: mappings merge, field by field; anything else replaces.

    A mapping of another form replaces too, since the fields below it are those of the first form.
    """
    if not isinstance(base, Map) or not isinstance(over, Map) or _forms_differ(base, over):
        return over
    return merge_maps(base, over)


def _forms_differ(base: Map, over: Map) -> bool:
    forms = [section.entries.get(FORM) for section in (base, over)]
    names = {form.value for form in forms if isinstance(form, Scalar)}
    return len(names) > 1 and all(isinstance(name, str) for name in names)


def merge_maps(base: Map, over: Map) -> Map:
    """Lay one mapping over another; the result stands where the upper one does."""
    entries = dict(base.entries)
    for key, value in over.entries.items():
        entries[key] = merge(entries[key], value) if key in entries else value
    return Map(entries, over.place)


def merge_at(tree: Map, path: Sequence[str], value: Node) -> Map:
    """Merge a value into a tree at a path; mappings on the way are made where missing.

    A section that comes to say another form loses the fields of the first, as in :func:`merge`.
    """
    name, *rest = path
    below = tree.entries.get(name)
    if rest:
        inner = below if isinstance(below, Map) else Map({}, value.place)
        changes_form = rest == [FORM] and _forms_differ(inner, Map({FORM: value}, value.place))
        new: Node = merge_at(inner.without(*inner.entries) if changes_form else inner, rest, value)
    else:
        new = value if below is None else merge(below, value)
    return replace(tree, entries={**tree.entries, name: new})


class _Builder:
    """Turns ruamel.yaml's nodes into ours and gathers what plain data may not hold."""

    def __init__(self, yaml: YAML) -> None:
        self.faults: list[Fault] = []
        self._constructor = yaml.constructor

    def node(self, node: ruamel.Node, place: Place) -> Node:
        if isinstance(node, ruamel.ScalarNode):
            return Scalar(self._scalar(node, place), place)
        if node.tag not in (f"{_CORE}map", f"{_CORE}seq"):
            self._fault(place, f"the tag {node.tag} is not used here; remove it")
        if isinstance(node, ruamel.MappingNode):
            return self._map(node, place)
        items = (
            self.node(item, _placed(place.under(str(index)), item))
            for index, item in enumerate(node.value)
        )
        return List(tuple(items), place)

    def _map(self, node: ruamel.MappingNode, place: Place) -> Map:
        entries: dict[str, Node] = {}
        merged: list[Node] = []
        for key_node, value_node in node.value:
            here = _placed(place, key_node)
            if key_node.tag == _MERGE:
                merged.append(self.node(value_node, here))
                continue
            key = self._key(key_node, here)
            if key in entries:
                self._fault(here.under(key), "the field is written twice; keep one of them")
            entries[key] = self.node(value_node, here.under(key))
        for base in merged:
            entries = {**self._merged(base), **entries}
        return Map(entries, place)

    def _merged(self, base: Node) -> dict[str, Node]:
        """The fields that a `<<` key brings; of a list of mappings the first ones win."""
        if isinstance(base, Map):
            return base.entries
        if isinstance(base, List) and all(isinstance(item, Map) for item in base.items):
            fields: dict[str, Node] = {}
            for item in base.items:
                fields = {**self._merged(item), **fields}
            return fields
        self._fault(base.place, "`<<` needs a mapping, for example `<<: *anchor`")
        return {}

    def _key(self, node: ruamel.Node, place: Place) -> str:
        if not isinstance(node, ruamel.ScalarNode):
            self._fault(place, "a key must be text, not a list or a mapping")
            return ""
        key = self._scalar(node, place)
        if isinstance(key, str):
            return key
        self._fault(place, f"the key {shown(key)} is not text; put it in quotes")
        return str(key)

    def _scalar(self, node: ruamel.ScalarNode, place: Place) -> str | int | float | bool | None:
        if node.tag in _TEXT:
            return self._encodable(str(node.value), place)
        kind = str(node.tag).removeprefix(_CORE)
        if kind == "null":
            return None
        if kind not in ("bool", "int", "float"):
            self._fault(place, f"the tag {node.tag} is not used here; remove it")
            return None
        try:
            value = getattr(self._constructor, f"construct_yaml_{kind}")(node)
        except (ValueError, KeyError, IndexError):
            self._fault(place, f"{shown(node.value)} is not a usable {kind}")
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self._fault(place, f"numbers must be finite, not {node.value}")
            return None
        return bool(value) if kind == "bool" else value

    def _encodable(self, text: str, place: Place) -> str:
        if any("\ud800" <= char <= "\udfff" for char in text):
            self._fault(place, "half of a character pair cannot be text; remove the escape")
            return ""
        return text

    def _fault(self, place: Place, message: str) -> None:
        self.faults.append(Fault(place, message))


def _measure(
    node: ruamel.Node, known: dict[int, tuple[int, int]], place: Place, depth: int = 1
) -> tuple[int, int]:
    """Count values and levels with aliases written out, without writing them out."""
    if id(node) not in known:
        if depth > MAX_DEPTH:
            raise _too_deep(place)
        values, height = 1, 0
        for child in _children(node):
            below, levels = _measure(child, known, place, depth + 1)
            values, height = values + below, max(height, levels)
        known[id(node)] = values, height + 1
    values, height = known[id(node)]
    if depth + height - 1 > MAX_DEPTH:
        raise _too_deep(place)
    if values > MAX_VALUES:
        message = f"holds more than {MAX_VALUES:,} values once aliases are written out"
        raise Fault(place, message).error()
    return values, height


def _children(node: ruamel.Node) -> list[ruamel.Node]:
    if isinstance(node, ruamel.MappingNode):
        return [child for pair in node.value for child in pair]
    return node.value if isinstance(node, ruamel.SequenceNode) else []


def _text(file: Path | Traversable, place: Place, name: str) -> str:
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise Fault(place, f"{name}larger than 1 MB; split it by `include:`").error()
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        message = "no such file; check the path"
    except IsADirectoryError:
        message = "a folder; name a YAML file in it"
    except PermissionError:
        message = "cannot be read (permission denied); check the file's mode"
    except UnicodeDecodeError as error:
        message = f"not UTF-8 text (byte {error.start}); save it as UTF-8"
    except (OSError, ValueError) as error:
        # ValueError: a path with a null byte in it.
        message = f"cannot be read ({error}); check the path"
    raise Fault(place, name + message).error()


def _syntax_error(error: MarkedYAMLError, place: Place) -> UserError:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or "unknown fault"
    if "'\\t'" in problem:
        problem = "a tab stands where YAML wants spaces"
    elif "another document" in problem:
        problem = "a second document starts here (`---`); a file holds one"
    at = _at_line(place, mark.line + 1) if mark else place
    column = f" at column {mark.column + 1}" if mark else ""
    return Fault(at, f"not valid YAML{column}: {problem}").error()


def _too_deep(place: Place) -> UserError:
    return Fault(place, f"nested more than {MAX_DEPTH} levels deep").error()


def _placed(place: Place, node: ruamel.Node) -> Place:
    return _at_line(place, node.start_mark.line + 1)


def _at_line(place: Place, line: int) -> Place:
    return place if place.line is None else replace(place, line=line)
