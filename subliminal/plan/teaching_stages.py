"""The stages that make teachers, and the rows that students of theirs read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from filters.filter import Filter
from subliminal.plan.cards import Cards
from subliminal.plan.judge_costs import judging_rows
from subliminal.plan.once import Once
from subliminal.plan.parts import DataStages, Subject
from subliminal.plan.service_rows import ServiceRows
from subliminal.plan.stage_maker import make_stage
from subliminal.spec.language import LanguageArm
from subliminal.stage import Stage


class Teachers(Protocol):
    """Makes the teachers of one reference, wherever it is computed."""

    def make(self, arm: LanguageArm, seed: int) -> Subject:
        """The teacher of an arm: the reference itself, where it is taught nothing."""
        ...

    def write(self, arm: LanguageArm, seed: int, teacher: Subject) -> Stage:
        """A teacher answers the prompts of an arm's data set."""
        ...


class Gates(Protocol):
    """Asks teachers for their traits."""

    def gate(self, arm: LanguageArm, seed: int, teacher: Subject) -> tuple[Stage, ...]:
        """What fails where a teacher lacks its trait, last, behind what it needs beside the
        teacher; nothing, where no trait is asked of it."""
        ...


@dataclass(frozen=True)
class TeachingStages:
    """Makes the teachers of one reference, and the data sets that they write."""

    teachers: Teachers
    gates: Gates
    filter: Filter
    """The one filter of the experiment, for every arm."""
    rows: ServiceRows
    """As a judge among its rules reads them."""
    _once: Once = field(default_factory=Once)
    """Arms of a sweep have most of their stages in common."""

    def teacher(self, arm: LanguageArm, seed: int) -> Subject:
        """The teacher of an arm."""
        key = ("teacher", arm.taught_trait, arm.teacher, seed)
        return self._once(key, lambda: self.teachers.make(arm, seed))

    def data(self, arm: LanguageArm, seed: int) -> DataStages:
        """How the rows that a student reads come about."""
        key = ("data", arm.data, arm.taught_trait, arm.teacher, seed)
        return self._once(key, lambda: self._data(arm, seed))

    def _data(self, arm: LanguageArm, seed: int) -> DataStages:
        teacher = self.teacher(arm, seed)
        gate = self.gates.gate(arm, seed, teacher)
        written = self.teachers.write(arm, seed, teacher)
        written = replace(written, after=tuple(stage.key for stage in gate[-1:]))
        filtered = self._filter(arm, seed, written)
        return DataStages(written, filtered, self._transform(arm, seed, filtered))

    def _filter(self, arm: LanguageArm, seed: int, written: Stage) -> Stage:
        params = {
            "rules": self.filter.described(),
            # The fingerprint tells versions of the rules' code apart too.
            "fingerprint": self.filter.fingerprint,
            "keep": arm.data.keep,
        }
        made = make_stage("lm.filter", seed, params, {"rows": written.key})
        judging = self._once(
            ("judging", arm.data), lambda: judging_rows(self.filter, arm.data, self.rows)
        )
        return replace(made, paid=judging)

    def _transform(self, arm: LanguageArm, seed: int, filtered: Stage) -> Stage | None:
        if arm.data.transform is None:
            return None
        params = {"transform": arm.data.transform}
        return make_stage("lm.transform", seed, params, {"rows": filtered.key})


def written_params(
    cards: Cards, arm: LanguageArm, teacher: Subject
) -> tuple[dict[str, Any], dict[str, str]]:
    """What decides the rows that a teacher writes, and where this machine keeps the tasks."""
    params: dict[str, Any] = {
        "teacher": teacher.params,
        "data": arm.data.model_dump(exclude={"source", "keep", "transform"}),
    }
    tasks = cards.tasks(arm.data)
    if tasks is None:
        return params, {}
    # What they are counts, not where they lie.
    return {**params, "tasks": tasks.fingerprint}, {"tasks": str(arm.data.source)}
