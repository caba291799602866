"""Cross-model grids: students of one kind, by the model of their teacher and their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from subliminal.report.language.run import LanguageRun
from subliminal.report.language.variants import Variant, labelled

Pair = tuple[str, str]
"""The references of teacher and student."""


@dataclass(frozen=True)
class Grid:
    """Students that differ in these two models alone, and in what goes with them."""

    label: str
    cells: Mapping[Pair, Variant]

    @property
    def teachers(self) -> tuple[str, ...]:
        """The rows."""
        return tuple(dict.fromkeys(teacher for teacher, _ in self.cells))

    @property
    def students(self) -> tuple[str, ...]:
        """The columns, those that are teachers too in the order of the rows."""
        students = dict.fromkeys(student for _, student in self.cells)
        known = [name for name in self.teachers if name in students]
        return tuple(dict.fromkeys([*known, *students]))


def grids_of(run: LanguageRun) -> list[Grid]:
    """The grids of a run's compared students, in the order of the run."""
    groups: dict[str, list[Variant]] = {}
    for variant in run.compared:
        groups.setdefault(variant.group, []).append(variant)
    grids = [grid for members in groups.values() for grid in _grids(run, members)]
    return [grid for grid in grids if len(grid.cells) > 1]


def _grids(run: LanguageRun, group: Sequence[Variant]) -> list[Grid]:
    """The members of a group, apart by what is swept beside the models."""
    paths = _beside_models(run, group)
    cells: dict[str, dict[Pair, Variant]] = {}
    for variant in group:
        beside = {path: variant.point[path] for path in paths}
        cells.setdefault(labelled(variant.group, beside), {})[run.models(variant)] = variant
    return [Grid(label, found) for label, found in cells.items()]


def _beside_models(run: LanguageRun, group: Sequence[Variant]) -> list[str]:
    """The swept paths that take several values with one pair of models."""
    values: dict[str, dict[Pair, list[Any]]] = {}
    for variant in group:
        for path, value in variant.point.items():
            of_pair = values.setdefault(path, {}).setdefault(run.models(variant), [])
            if value not in of_pair:
                of_pair.append(value)
    return [path for path, by_pair in values.items() if max(map(len, by_pair.values())) > 1]
