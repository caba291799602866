"""Overrides from the command line: `--set arms.same-aux.distillation.epochs=1`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from subliminal.spec_file.faults import Fault, Place, did_you_mean, refuse
from subliminal.spec_file.kinds import Kind, kind_of
from subliminal.spec_file.layers import with_sweep_lists
from subliminal.spec_file.schema import fields, unknown_field
from subliminal.spec_file.yaml_tree import Map, Node, merge_at, parse

OPTION = "--set"
_LAYERS = ("preset", "include")
# The name of a spread arm, such as `same[epochs=3]`, has an equals sign inside its brackets.
_ASSIGNMENT = re.compile(r"((?:\[[^\]]*\]|[^=\[])+)=(.*)", re.DOTALL)


def apply_overrides(tree: Map, overrides: Sequence[str]) -> Map:
    """Lay `path=value` overrides over a file, in their order.

    Args:
        tree: A file with its layers.
        overrides: Dotted paths in the vocabulary of files, and values in YAML. Arms must exist.

    Returns:
        The tree with the values merged in.

    Raises:
        UserError: An override has no `=`, its path does not exist or its value is not YAML, or
            the file is of an unknown kind.
    """
    faults: list[Fault] = []
    for override in overrides:
        tree = _applied(tree, override, faults)
    refuse(faults)
    return with_sweep_lists(tree)


def _applied(tree: Map, override: str, faults: list[Fault]) -> Map:
    assignment = _ASSIGNMENT.fullmatch(override)
    if not assignment:
        message = "needs a path, `=` and a value, for example `--set seeds=3`"
        faults.append(Fault(Place(OPTION, None, (override,)), message))
        return tree
    written, value = assignment.groups()
    path = _known_path(tree, written.strip(), faults)
    return merge_at(tree, path, parse(value, Place(OPTION, None, path))) if path else tree


def _known_path(tree: Map, written: str, faults: list[Fault]) -> tuple[str, ...]:
    """The path, split; empty, with a fault, where it leaves the vocabulary or names no arm."""
    kind = kind_of(tree)
    path: tuple[str, ...] = ()
    rest = written
    while True:
        known = _arms(tree) if path == ("arms",) else fields(kind, path)
        if not known and path != ("arms",):
            known = _written(tree, path, rest)
        # Arm names may hold dots, so that splitting at dots would not do.
        fitting = [name for name in known if f"{rest}.".startswith(f"{name}.")]
        if not fitting:
            faults.append(_unknown(kind, path, rest.partition(".")[0], known))
            return ()
        name = max(fitting, key=len)
        path, rest = (*path, name), rest[len(name) :]
        if path[0] in _LAYERS:
            message = "cannot be set from outside; write a file with `include:` and start that"
            faults.append(Fault(Place(OPTION, None, path), message))
            return ()
        if not rest:
            return path
        rest = rest[1:]


def _arms(tree: Map) -> Sequence[str]:
    arms = tree.entries.get("arms")
    return list(arms.entries) if isinstance(arms, Map) else []


def _written(tree: Map, path: tuple[str, ...], rest: str) -> Sequence[str]:
    """The names in a mapping of the file whose names are free: those it has, or a new one."""
    node: Node = tree
    for name in path:
        if not isinstance(node, Map) or name not in node.entries:
            return ()
        node = node.entries[name]
    return (*node.entries, rest.partition(".")[0]) if isinstance(node, Map) else ()


def _unknown(kind: Kind, path: tuple[str, ...], name: str, known: Sequence[str]) -> Fault:
    place = Place(OPTION, None, (*path, name))
    if path == ("arms",):
        listed = f"; the arms are {', '.join(known)}" if known else "; the file has none"
        return Fault(place, f"there is no such arm{did_you_mean(name, known) or listed}")
    if not known:
        return Fault(place, f"{path[-1]} has no fields inside; set it as a whole")
    return Fault(place, unknown_field(kind, path, path, name))
