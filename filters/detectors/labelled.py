"""Rows of two sets under one roof: which set each is of, and which prompt it answers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from filters.detectors.groups import FOLDS, Groups, Labels, composition, draw_rows
from filters.rows import Row, completion, prompt, provenance
from subliminal.code_tasks import task_text_in
from subliminal.code_tasks.task import UNKNOWN_PARAMETERS
from subliminal.errors import UserError
from subliminal.reasoning import problem_in

GroupBy = Literal["prompt", "row"]


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Rows of a taught and of an untaught teacher.

    Attributes:
        rows: All rows, [n].
        taught: bool [n].
        groups: int64 [n].
    """

    rows: tuple[Row, ...]
    taught: Labels
    groups: Groups

    @cached_property
    def completions(self) -> tuple[str, ...]:
        """What was answered, [n]."""
        return tuple(completion(row) for row in self.rows)

    @property
    def shared_groups(self) -> int:
        """Groups with rows of both teachers."""
        with_taught, with_untaught = composition(self.taught, self.groups)
        return int(np.count_nonzero((with_taught > 0) & (with_untaught > 0)))


def label_rows(
    taught: Sequence[Row],
    untaught: Sequence[Row],
    *,
    group_by: GroupBy = "prompt",
    most: int | None = None,
    seed: int = 0,
) -> LabelledRows:
    """Put two sets together.

    Args:
        taught: Rows of the taught teacher.
        untaught: Rows of the untaught one.
        group_by: What is independent: the prompts (the user's turns; prompts that ask for one task
            in several wordings are one), or every row.
        most: The most rows of each set; where there are more, so many are drawn.
        seed: Of the draw.

    Raises:
        UserError: A set has too few prompts to be cross-validated.
    """
    rows = (*taught, *untaught)
    labels = np.arange(len(rows)) < len(taught)
    numbers: dict[Hashable, int] = {}
    groups = (
        np.array([numbers.setdefault(_task(row), len(numbers)) for row in rows], dtype=np.int64)
        if group_by == "prompt"
        else np.arange(len(rows))
    )
    if most is not None and len(rows):
        chosen = draw_rows(labels, groups, most, seed)
        rows = tuple(rows[place] for place in chosen.tolist())
        labels, groups = labels[chosen], np.unique(groups[chosen], return_inverse=True)[1]
    _check_enough(labels, groups, group_by)
    return LabelledRows(rows, labels, groups)


def _task(row: Row) -> Hashable:
    """What a row answers: the task, where a carrier asks for it in several wordings."""
    asked = prompt(row)
    if provenance(row, "steps") is not None:
        return problem_in(asked) or asked
    signature, function = provenance(row, "signature"), provenance(row, "function")
    if isinstance(function, str):
        signature = f"def {function}({UNKNOWN_PARAMETERS}):"
    if not isinstance(signature, str):
        return asked
    text = task_text_in(asked, signature)
    return asked if text is None else (text, signature)


def _check_enough(taught: Labels, groups: Groups, group_by: GroupBy) -> None:
    for name, chosen in (("taught", taught), ("untaught", ~taught)):
        rows, found = np.count_nonzero(chosen), len(np.unique(groups[chosen]))
        if found < FOLDS:
            told = f"{rows} rows" if group_by == "row" else f"{rows} rows of {found} prompts"
            mend = " prompts, or group by row" if rows >= FOLDS else ""
            raise UserError(
                f"the {name} rows: {told} are too few for cross-validation; give at least "
                f"{FOLDS}{mend}"
            )
