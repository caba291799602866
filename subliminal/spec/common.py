"""What the experiments of every kind have in common."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=80)]


class Strict(BaseModel):
    """Immutable, and unknown fields are errors: a misspelt option must never pass in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BaseArm(Strict):
    """One row of an experiment: a model and how it came to be."""

    role: Literal["reference", "teacher", "student"] = "student"
    control: str | None = Field(
        None, description="the arm this one is compared with; students must name one, or `none`"
    )
    group: str = Field("", description="filled in: the arm's name before sweeps were spread")
    point: dict[str, Any] = Field(
        default_factory=dict, description="filled in: the sweep's values that made this arm"
    )

    @model_validator(mode="after")
    def _students_have_controls(self) -> Self:
        if self.role == "student" and self.control is None:
            raise ValueError("a student needs a control; name an arm, or write `control: none`")
        return self


CONFIDENCE = 0.95
"""Of intervals, unless an experiment says otherwise."""


class BaseStatistics(Strict):
    """How sure is sure: the rule behind every verdict."""

    confidence: float = Field(CONFIDENCE, gt=0.5, lt=1)
    correction: Literal["holm", "benjamini-hochberg", "none"] = Field(
        "holm", description="of the contrasts' p-values over the arms"
    )
    equivalence_bound: float
    """In the unit of the judged metric, as is the shift."""
    teacher_shift: float | None
    """None: no trait is asked of teachers, and every student is judged."""


MAX_SEEDS = 10_000


def _listed_seeds(value: object) -> object:
    """A number of seeds is a list of them: 3 is 0, 1, 2."""
    if isinstance(value, bool) or not isinstance(value, int | list | tuple):
        raise ValueError(f"must be a number of seeds or a list of seeds, not {json.dumps(value)}")
    count = value if isinstance(value, int) else len(value)
    if not 1 <= count <= MAX_SEEDS:
        raise ValueError(f"must be between 1 and {MAX_SEEDS:,} seeds, not {count}")
    return tuple(range(value)) if isinstance(value, int) else tuple(value)


Seeds = Annotated[
    tuple[Annotated[int, Field(ge=0, lt=2**31)], ...],
    BeforeValidator(_listed_seeds, json_schema_input_type=int | list[int]),
    Field(min_length=1, description="how many (0, 1, 2 ...), or which, all different"),
]


class BaseExperiment(Strict):
    """A whole experiment, resolved: what the plan is made from and the run folder keeps."""

    kind: str
    name: Name
    description: str = ""
    seeds: Seeds = Field((0, 1, 2, 3, 4), validate_default=True)
    scale: Literal["full", "tiny"] = Field(
        "full",
        description=(
            "tiny: few rows, few arms, a small model, so that every stage can be tried in a "
            "minute or two; what it finds means nothing"
        ),
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="of matrix products; auto: bfloat16 where the machine is fast in it"
    )

    @field_validator("seeds")
    @classmethod
    def _seeds_once(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        repeated = [seed for seed, count in Counter(seeds).items() if count > 1]
        if repeated:
            raise ValueError(f"seed {repeated[0]} is listed twice; each seed counts once")
        return seeds


def check_controls(arms: Mapping[str, BaseArm]) -> None:
    """Refuse a control that is no other arm.

    Raises:
        ValueError: Names the arm and its control.
    """
    for name, arm in arms.items():
        if arm.control in (None, "none"):
            continue
        if arm.control == name:
            raise ValueError(f"arm {name} is its own control; name another arm")
        if arm.control not in arms:
            raise ValueError(f"arm {name}: its control {arm.control!r} is not an arm")
