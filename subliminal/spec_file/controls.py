"""Controls: the arm that each arm is compared with, found by group and by the swept values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import replace

from subliminal.spec_file.faults import Fault
from subliminal.spec_file.sweeps import key_of, values_of
from subliminal.spec_file.yaml_tree import Map, Node, Scalar, plain


def with_controls(
    arms: Mapping[str, Node], faults: list[Fault], sweeps_hold: bool
) -> dict[str, Node]:
    """Point every control at one arm.

    A control that names a group means the arm of that group which agrees on every path that is
    swept in both.

    Args:
        arms: The arms by name, with `group` and `point`.
        faults: Gets the controls that no arm, or several, fit; such an arm ends with `none`.
        sweeps_hold: False where a sweep was left out for a fault in it. Arms then lack their
            partners for that reason alone, and only names of no arm at all are faults.

    Returns:
        The same arms, whose controls are names of arms or `none`.
    """
    groups = _Groups(arms)
    resolved = {}
    for name, arm in arms.items():
        control = arm.entries.get("control") if isinstance(arm, Map) else None
        if isinstance(arm, Map) and isinstance(control, Scalar) and isinstance(control.value, str):
            chosen = _chosen(name, arm, control, groups, faults, sweeps_hold)
            arm = replace(arm, entries={**arm.entries, "control": replace(control, value=chosen)})
        resolved[name] = arm
    return resolved


def _chosen(
    name: str, arm: Map, control: Scalar, groups: _Groups, faults: list[Fault], sweeps_hold: bool
) -> str:
    wanted = str(control.value)
    if wanted == "none":
        return wanted
    matches = groups.matches(wanted, _point(arm))
    if len(matches) == 1 and matches != [name]:
        return matches[0]
    if wanted not in groups:
        message = f"there is no arm {wanted!r}"
        faults.append(Fault(control.place, message, wanted, groups.names))
    elif sweeps_hold:
        faults.append(Fault(control.place, _mismatch(name, wanted, matches)))
    return "none"


def _mismatch(name: str, wanted: str, matches: list[str]) -> str:
    if matches == [name]:
        return "an arm cannot be its own control; name another arm, or none"
    if not matches:
        return f"no arm of {wanted!r} has the swept values of {name!r}; sweep both alike"
    few = " or ".join(repr(match) for match in matches[:3])
    return f"{wanted!r} is swept where {name!r} is not; name one arm, such as {few}"


class _Groups:
    """The arms by group, looked up by the part of a point that they share with it."""

    def __init__(self, arms: Mapping[str, Node]) -> None:
        self._arms = arms
        self._members: defaultdict[str, _Members] = defaultdict(_Members)
        for name, arm in arms.items():
            if isinstance(arm, Map):
                group = arm.entries.get("group", Scalar(name, arm.place))
                self._members[str(plain(group))].add(name, _point(arm))

        self.names = tuple(dict.fromkeys([*self._members, *arms]))

    def __contains__(self, name: str) -> bool:
        return name in self._arms or name in self._members

    def matches(self, name: str, point: Mapping[str, object]) -> list[str]:
        """The arm of a name, or those of a group that agree with a point where both are swept."""
        if name in self._arms:
            return [name]
        return self._members[name].matches(point) if name in self._members else []


class _Members:
    """The arms of one group."""

    def __init__(self) -> None:
        self._by_paths: defaultdict[frozenset[str], list[tuple[str, Mapping[str, object]]]] = (
            defaultdict(list)
        )
        self._tables: dict[Hashable, dict[Hashable, list[str]]] = {}

    def add(self, name: str, point: Mapping[str, object]) -> None:
        self._by_paths[frozenset(point)].append((name, point))

    def matches(self, point: Mapping[str, object]) -> list[str]:
        found: list[str] = []
        for paths in self._by_paths:
            shared = tuple(sorted(paths & set(point)))
            found += self._table(paths, shared).get(_at(point, shared), [])
        return found

    def _table(self, paths: frozenset[str], shared: tuple[str, ...]) -> dict[Hashable, list[str]]:
        # Kept, because ten thousand arms looking through ten thousand would take minutes.
        if (paths, shared) not in self._tables:
            table: defaultdict[Hashable, list[str]] = defaultdict(list)
            for name, point in self._by_paths[paths]:
                table[_at(point, shared)].append(name)
            self._tables[paths, shared] = dict(table)
        return self._tables[paths, shared]


def _at(point: Mapping[str, object], paths: tuple[str, ...]) -> Hashable:
    return key_of([point[path] for path in paths])


def _point(arm: Map) -> dict[str, object]:
    point = arm.entries.get("point")
    return values_of(point.entries) if isinstance(point, Map) else {}
