"""Pydantic's validation errors as faults in an experiment file: places found, words made plain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from subliminal.spec_file.faults import Fault
from subliminal.spec_file.plain_words import follows_from_items, no_choice, said_of
from subliminal.spec_file.yaml_tree import FORM, List, Map, Node, plain

UnknownField = Callable[[Sequence[int | str], Sequence[str], str], str]
"""What to say of an unknown field, from the path of its section, where it was written, its name."""


def _unknown_field(path: Sequence[int | str], place: Sequence[str], name: str) -> str:
    return "unknown field; remove it"


def faults_of(
    error: ValidationError, tree: Map, unknown_field: UnknownField = _unknown_field
) -> Iterator[Fault]:
    """Say what validation found wrong, and where.

    Args:
        error: From validating the tree's plain data.
        tree: Where the data was written.
        unknown_field: The message for a field that a section does not have.

    Yields:
        The faults, without those that only follow from others.
    """
    for details in error.errors(include_url=False):
        loc = details["loc"]
        node, ends_beyond = _find(tree, loc)
        if details["type"] == "missing":
            yield Fault(node.place.under(str(loc[-1])), _message(details, node))
        elif details["type"] == "extra_forbidden":
            yield Fault(node.place, unknown_field(loc[:-1], node.place.path[:-1], str(loc[-1])))
        elif details["type"] == "union_tag_invalid" and isinstance(node, Map):
            form = node.entries[FORM]
            yield Fault(form.place, no_choice(details["ctx"]["expected_tags"], plain(form)))
        elif not _is_echo(details, node, in_union=ends_beyond):
            or_a_list = " (or a list)" if ends_beyond else ""
            yield Fault(node.place, _message(details, node, or_a_list))


def _find(tree: Node, loc: tuple[int | str, ...]) -> tuple[Node, bool]:
    """The value at a location, and whether the location ends beyond it.

    Besides fields, a location holds pydantic's labels for the options of a union. No value
    stands under a label, and the names after it go on from where it was.
    """
    node, beyond = tree, False
    for name in loc:
        beyond = False
        if isinstance(node, Map) and name in node.entries:
            node = node.entries[str(name)]
        elif isinstance(node, List) and isinstance(name, int) and name < len(node.items):
            node = node.items[name]
        else:
            beyond = True
    return node, beyond


def _is_echo(details: ErrorDetails, node: Node, in_union: bool) -> bool:
    """Whether an error only follows from another.

    A list is found too short when its items are at fault, and a value in a union is blamed for
    not being each of the union's options. A default that depends on a faulty field is not found.
    """
    if details["type"] == "default_factory_not_called":
        return True
    if details["type"] == "too_short":
        return follows_from_items(details, plain(node))
    unlikely_option = "literal_error" if isinstance(node, List) else "tuple_type"
    return in_union and details["type"] == unlikely_option


def _message(details: ErrorDetails, node: Node, note: str = "") -> str:
    return said_of(details, plain(node), note)
