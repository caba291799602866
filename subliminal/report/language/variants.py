"""The arms of a language run, put together where they differ in nothing but their trait."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from subliminal.report.labels import listing, path_name, value_text
from subliminal.results import ArmState

TRAIT = "trait"
"""Path of the sweep that gives every arm of a group its trait."""
MODEL = "model"
"""Path of the sweep over references. A student need not be of its teacher's."""


@dataclass(frozen=True)
class Variant:
    """Arms that differ in their trait alone: one row of a table, one column of a figure."""

    group: str
    point: Mapping[str, Any]
    """Swept path -> value, without the trait."""
    told_by: Mapping[str, Any]
    """The part of the point that tells it from others of its group."""
    role: Literal["reference", "teacher", "student"]
    arms: Mapping[str, str]
    """Trait -> arm, in the order of the run."""
    control: str
    """What its arms are compared with, by the name of its variant; empty if nothing."""

    @property
    def label(self) -> str:
        """The group, with the swept values that tell the variant from others of the group."""
        return labelled(self.group, self.told_by)


def sweeps_traits(arms: Mapping[str, ArmState]) -> bool:
    """Whether the arms of some group differ in their trait."""
    return any(TRAIT in state.point for state in arms.values())


def traits_swept(arms: Mapping[str, ArmState]) -> dict[str, str]:
    """Arm -> the trait that a sweep gave it; the same for all arms that no sweep gave one."""
    return {name: str(state.point.get(TRAIT, "")) for name, state in arms.items()}


def variants_of(arms: Mapping[str, ArmState], traits: Mapping[str, str]) -> list[Variant]:
    """Put arms together that differ in nothing but their trait.

    Args:
        arms: The arms of the run, in its order.
        traits: Arm -> the trait that it is probed for.

    Returns:
        The variants in the order in which their first arms appear.
    """
    members: dict[str, list[str]] = {}
    for name, state in arms.items():
        members.setdefault(_key(state), []).append(name)
    telling = _telling_paths(arms)
    return [_variant(names, arms, traits, telling) for names in members.values()]


def reference_of(arm: str, arms: Mapping[str, ArmState], models: Mapping[str, str]) -> str | None:
    """The arm that shows what an arm's model was before any training.

    Args:
        arm: Any.
        arms: The arms of the run.
        models: Arm -> the reference that its model belongs to.

    Returns:
        The only arm of role reference, and of that model, which agrees on every other path that
        both are swept over; None if there is no such one.
    """
    point = arms[arm].point
    fitting = [
        name
        for name, state in arms.items()
        if state.role == "reference"
        and models[name] == models[arm]
        and all(state.point[path] == point[path] for path in _shared(state.point, point))
    ]
    return fitting[0] if len(fitting) == 1 else None


def labelled(group: str, point: Mapping[str, Any]) -> str:
    """A group, with swept values that tell some of its arms from the others."""
    values = (f"{path_name(path)} = {value_text(value)}" for path, value in point.items())
    return ", ".join([group, *values])


def control_of(arm: str, arms: Mapping[str, ArmState]) -> str | None:
    """The control of an arm; None if it has none."""
    control = arms[arm].control
    return None if control == "none" else control


def _variant(
    names: list[str],
    arms: Mapping[str, ArmState],
    traits: Mapping[str, str],
    telling: Mapping[str, Sequence[str]],
) -> Variant:
    first = arms[names[0]]
    return Variant(
        group=first.group,
        point=_rest(first),
        told_by=_told_by(first, telling),
        role=first.role,
        arms={traits[name]: name for name in names},
        control=_labels_of((control_of(name, arms) for name in names), arms, telling),
    )


def _labels_of(
    names: Iterable[str | None],
    arms: Mapping[str, ArmState],
    telling: Mapping[str, Sequence[str]],
) -> str:
    known = (arms[name] for name in names if name is not None and name in arms)
    labels = (labelled(state.group, _told_by(state, telling)) for state in known)
    return listing(list(dict.fromkeys(labels)))


def _telling_paths(arms: Mapping[str, ArmState]) -> dict[str, list[str]]:
    """Group -> the swept paths that its labels need: of those that move in step, one."""
    points: dict[str, list[dict[str, Any]]] = {}
    for state in arms.values():
        points.setdefault(state.group, []).append(_rest(state))
    return {group: _one_of_each_step(found) for group, found in points.items()}


def _one_of_each_step(points: Sequence[Mapping[str, Any]]) -> list[str]:
    """The path of the shortest name among those whose values change together."""
    steps: dict[tuple[int, ...], str] = {}
    for path in points[0]:
        values = [json.dumps(point.get(path)) for point in points]
        pattern = tuple(values.index(value) for value in values)
        named = steps.setdefault(pattern, path)
        if len(path_name(path)) < len(path_name(named)):
            steps[pattern] = path
    return list(steps.values())


def _told_by(state: ArmState, telling: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    return {path: state.point[path] for path in telling[state.group] if path in state.point}


def _shared(first: Mapping[str, Any], second: Mapping[str, Any]) -> set[str]:
    return (first.keys() & second.keys()) - {MODEL}


def _rest(state: ArmState) -> dict[str, Any]:
    return {path: value for path, value in state.point.items() if path != TRAIT}


def _key(state: ArmState) -> str:
    return json.dumps([state.group, _rest(state)], sort_keys=True)
