"""The arms of a file become the arms of the experiment: defaults filled in, sweeps spread.

The file's sweep and an arm's own multiply. The file's sweep leaves an arm alone on the paths that
shape what it does not have: the student of a teacher, the teacher's training of a reference, the
trait of a teacher that says `by: nothing`. A `sweep` that an arm writes itself (or gets from
`defaults`) is obeyed to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from subliminal.spec_file.controls import with_controls
from subliminal.spec_file.faults import Fault, Place, refuse
from subliminal.spec_file.kinds import Kind
from subliminal.spec_file.sweeps import Axis, Point, label, overlap, read_sweep
from subliminal.spec_file.yaml_tree import FORM, List, Map, Node, Scalar, is_empty, merge, merge_at

MAX_ARMS = 10_000
MAX_VALUES = 2_000_000
MAX_NAME = 80
_FORM_END = f".{FORM}"


def spread_arms(tree: Map, kind: Kind, faults: list[Fault]) -> Map:
    """Fill in defaults, spread sweeps and resolve controls.

    Args:
        tree: A file after presets, includes and overrides.
        kind: Of its experiment.
        faults: Gets what is wrong; an arm at fault is left unswept.

    Returns:
        A tree in the vocabulary of :data:`subliminal.spec.Experiment`: no `defaults`, no
        `sweep`, every arm with its `group` and `point`. Arms that come with a group were spread
        before and stay as they are.

    Raises:
        UserError: The sweeps make more arms than can be run.
    """
    resolved = tree.without("defaults", "sweep")
    arms = tree.entries.get("arms")
    if not isinstance(arms, Map):
        return resolved
    found: list[Fault] = []
    sweeps = _sweeps(tree, kind, arms, found)
    _refuse_too_many(sweeps, arms.place, [*faults, *found])
    named = _named_once(sweeps, found)
    controlled = with_controls(named, faults, sweeps_hold=not found)
    faults.extend(found)
    return replace(resolved, entries={**resolved.entries, "arms": Map(controlled, arms.place)})


@dataclass(frozen=True)
class _Sweep:
    """One arm of the file and the axes that it is spread over; None where it came spread."""

    name: str
    kind: Kind
    arm: Node
    axes: tuple[Axis, ...] | None

    @property
    def count(self) -> int:
        return prod(len(axis.points) for axis in self.axes or ())

    def arms(self) -> Iterator[tuple[str, Node]]:
        """The arms, each with its name, group and point."""
        if self.axes is None or not isinstance(self.arm, Map):
            yield self.name, self.arm
            return
        for points in product(*(axis.points for axis in self.axes)):
            point = {path: value for each in points for path, value in each.items()}
            yield self._at(point, self.arm)

    def _at(self, point: Point, arm: Map) -> tuple[str, Node]:
        name = f"{self.name}[{label(point, self.kind)}]" if point else self.name
        # Forms first: a change of form drops fields, and none of a point's may be dropped.
        for path, value in sorted(point.items(), key=lambda item: not item[0].endswith(_FORM_END)):
            arm = merge_at(arm, path.split("."), value)
        place = replace(arm.place, path=("arms", name))
        group, where = Scalar(self.name, place), Map(dict(point), place)
        return name, Map({**arm.entries, "group": group, "point": where}, place)


def _sweeps(tree: Map, kind: Kind, arms: Map, faults: list[Fault]) -> list[_Sweep]:
    nothing = Scalar(None, tree.place)
    defaults = _as_map(tree.entries.get("defaults", nothing))
    common = read_sweep(tree.entries.get("sweep", nothing), kind, faults)
    sweeps = []
    for name, arm in arms.entries.items():
        if isinstance(arm, Map) and _came_spread(arm):
            sweeps.append(_kept(name, kind, arm, faults))
        else:
            sweeps.append(_sweep(name, kind, merge(defaults, _as_map(arm)), common, faults))
    if sweeps and all(sweep.axes is None for sweep in sweeps):
        for field in ("defaults", "sweep"):
            if not is_empty(tree.entries.get(field, nothing)):
                message = "no arm takes this, since each comes with a `group`; set fields in arms"
                faults.append(Fault(tree.entries[field].place, message))
    return sweeps


def _kept(name: str, kind: Kind, arm: Map, faults: list[Fault]) -> _Sweep:
    """An arm that came spread, as it is."""
    sweep = arm.entries.get("sweep")
    if sweep and not is_empty(sweep):
        message = "an arm with a `group` was spread already; remove the sweep, or group and point"
        faults.append(Fault(sweep.place, message))
    return _Sweep(name, kind, arm.without("sweep"), None)


def _sweep(
    name: str, kind: Kind, arm: Node, common: tuple[Axis, ...], faults: list[Fault]
) -> _Sweep:
    _check_name(name, replace(arm.place, path=("arms", name)), faults)
    if not isinstance(arm, Map):
        return _Sweep(name, kind, arm, None)
    for field in ("group", "point"):
        if field in arm.entries and not is_empty(arm.entries[field]):
            message = "is filled in when sweeps are spread; remove it"
            faults.append(Fault(arm.entries[field].place, message))
    own = read_sweep(arm.entries.get("sweep", List((), arm.place)), kind, faults)
    unused = kind.unused(arm)
    axes = (*(axis.without(unused) for axis in common), *own)
    twice = overlap(path for axis in axes for path in axis.points[0])
    if twice:
        message = f"{' and '.join(twice)} would be swept one over the other; keep one of them"
        faults.append(Fault(replace(arm.place, path=("arms", name)), message))
        axes = ()
    return _Sweep(name, kind, arm.without("sweep"), axes)


def _check_name(name: str, place: Place, faults: list[Fault]) -> None:
    if name == "none":
        message = "no arm can be called none, since `control: none` means no control; rename it"
        faults.append(Fault(place, message))
    elif not re.fullmatch(r"\w[\w.+-]*", name) or len(name) > MAX_NAME:
        message = f"an arm's name is at most {MAX_NAME} letters, digits, '.', '_', '+' and '-'"
        faults.append(Fault(place, f"{message}; rename it"))


def _refuse_too_many(sweeps: list[_Sweep], place: Place, faults: list[Fault]) -> None:
    count = sum(sweep.count for sweep in sweeps)
    values = sum(sweep.count * _size(sweep.arm) for sweep in sweeps)
    if count > MAX_ARMS or values > MAX_VALUES:
        message = f"these come to {count:,} arms with {values:,} values"
        limits = f"the limits are {MAX_ARMS:,} and {MAX_VALUES:,}; sweep over fewer"
        refuse([*faults, Fault(place, f"{message}; {limits}")])


def _named_once(sweeps: list[_Sweep], faults: list[Fault]) -> dict[str, Node]:
    named: dict[str, Node] = {}
    for name, arm in (pair for sweep in sweeps for pair in sweep.arms()):
        if name in named:
            faults.append(Fault(arm.place, f"two arms come to be called {name}; rename one"))
        named[name] = arm
    return named


def _size(node: Node) -> int:
    if isinstance(node, Scalar):
        return 1
    children = node.items if isinstance(node, List) else node.entries.values()
    return 1 + sum(_size(child) for child in children)


def _as_map(arm: Node) -> Node:
    """An arm with nothing under its name is one that has the defaults."""
    return Map({}, arm.place) if isinstance(arm, Scalar) and arm.value is None else arm


def _came_spread(arm: Map) -> bool:
    group = arm.entries.get("group")
    return isinstance(group, Scalar) and isinstance(group.value, str) and group.value != ""
