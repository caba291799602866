"""Sweeps: the lists of values that arms take in turn, and the names of the arms so made.

A sweep is a list of entries. The paths of one entry advance together; entries multiply.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from subliminal.spec_file.faults import Fault, Place, did_you_mean, shown
from subliminal.spec_file.kinds import Kind
from subliminal.spec_file.schema import NOT_SWEPT, arm_paths, short
from subliminal.spec_file.yaml_tree import List, Map, Node, is_empty, plain

Point = dict[str, Node]
"""Swept path -> the value there."""


@dataclass(frozen=True)
class Axis:
    """One entry of a sweep: points that an arm takes in turn."""

    points: tuple[Point, ...]

    def without(self, sections: Collection[str]) -> Axis:
        """The axis less the paths at or in some sections of an arm."""
        kept = [
            {path: value for path, value in point.items() if path.split(".")[0] not in sections}
            for point in self.points
        ]
        # Without a path that set them apart, points may be equal.
        return Axis(tuple({key_of(values_of(point)): point for point in kept}.values()))


def read_sweep(sweep: Node, kind: Kind, faults: list[Fault]) -> tuple[Axis, ...]:
    """Read a `sweep` field.

    Args:
        sweep: A list of entries, or a single entry; nothing means no sweep.
        kind: Of the experiment.
        faults: Gets what is wrong; an entry at fault is left out.

    Returns:
        An axis for each entry; they multiply.
    """
    if is_empty(sweep):
        return ()
    entries = sweep.items if isinstance(sweep, List) else (sweep,)
    axes = []
    for entry in entries:
        found: list[Fault] = []
        axis = _axis(entry, kind, found)
        faults.extend(found)
        if axis and not found:
            axes.append(axis)
    return tuple(axes)


def _axis(entry: Node, kind: Kind, faults: list[Fault]) -> Axis | None:
    if not isinstance(entry, Map) or not entry.entries:
        message = f"a sweep maps paths to lists of values, not {shown(plain(entry))}"
        faults.append(Fault(entry.place, f"{message}; for example `{kind.example}`"))
        return None
    columns: dict[str, tuple[Node, ...]] = {}
    for path, values in entry.entries.items():
        _check_path(path, kind, values.place, faults)
        if not isinstance(values, List) or not values.items:
            message = f"needs a list of values, not {shown(plain(values))}"
            faults.append(Fault(values.place, message))
        else:
            columns[path] = values.items
    if faults:
        return None
    lengths = {path: len(values) for path, values in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{path} has {length}" for path, length in lengths.items())
        message = f"paths of one entry advance together and need as many values each: {told}"
        faults.append(Fault(entry.place, message))
        return None
    rows = zip(*columns.values(), strict=True)
    points = tuple(dict(zip(columns, row, strict=True)) for row in rows)
    _check_distinct(points, faults)
    return Axis(points)


def _check_path(path: str, kind: Kind, place: Place, faults: list[Fault]) -> None:
    if path in arm_paths(kind):
        return
    if path in NOT_SWEPT:
        faults.append(Fault(place, f"{path} cannot be swept; write separate arms"))
        return
    last = path.rpartition(".")[2]
    same_end = [known for known in arm_paths(kind) if known.rpartition(".")[2] == last]
    meant = did_you_mean(path, same_end, cutoff=0) or did_you_mean(path, arm_paths(kind))
    faults.append(Fault(place, f"an arm has no such field to sweep{meant}"))


def _check_distinct(points: tuple[Point, ...], faults: list[Fault]) -> None:
    seen: set[Hashable] = set()
    for point in points:
        key = key_of(values_of(point))
        if key in seen:
            value = next(iter(point.values()))
            others = " with the same values beside it" if len(point) > 1 else ""
            message = f"{shown(plain(value))} is listed twice{others}; each point counts once"
            faults.append(Fault(value.place, message))
        seen.add(key)


def overlap(paths: Iterable[str]) -> list[str]:
    """Two paths of which one is, or holds, the other; empty if there are none."""
    ordered = sorted(paths, key=lambda path: path.split("."))
    for first, second in pairwise(ordered):
        if second == first or second.startswith(f"{first}."):
            return [first, second]
    return []


def label(point: Point, kind: Kind) -> str:
    """What tells an arm of a sweep from the others, for example `auxiliary=3,hidden=256x256`."""
    return ",".join(f"{short(kind, path)}={_text(plain(value))}" for path, value in point.items())


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "x".join(_text(item) for item in value)
    if isinstance(value, dict):
        return "+".join(f"{key}:{_text(inner)}" for key, inner in value.items())
    return str(value)


def values_of(point: Mapping[str, Node]) -> dict[str, object]:
    """A point as plain data."""
    return {path: plain(value) for path, value in point.items()}


def key_of(value: object) -> Hashable:
    """Equal for equal plain values. Unlike in Python, true is not 1."""
    if isinstance(value, dict):
        return ("map", *((name, key_of(inner)) for name, inner in sorted(value.items())))
    if isinstance(value, list):
        return ("list", *(key_of(item) for item in value))
    return ("bool", value) if isinstance(value, bool) else value
