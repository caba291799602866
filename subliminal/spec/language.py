"""The vocabulary of experiments on language models: arms, and what is common to all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from subliminal.spec.carriers import USUAL, CarrierName
from subliminal.spec.common import (
    BaseArm,
    BaseExperiment,
    BaseStatistics,
    Strict,
    check_controls,
)
from subliminal.spec.data import Data
from subliminal.spec.inference import Inference
from subliminal.spec.probing import Probing
from subliminal.spec.resources import Resources
from subliminal.spec.students import Distillation, Initialisation
from subliminal.spec.teaching import AsOnCard, Implant


class LanguageArm(BaseArm):
    """One row of an experiment on language models."""

    model: str | None = Field(
        None,
        min_length=1,
        description="the reference that the teacher is made from; default: the experiment's",
    )
    trait: str = Field(description="the trait that the arm is probed for: a card's name or file")
    taught: str | None = Field(
        None, description="the trait of the arm's teacher, if it is another than the probed one"
    )
    teacher: Implant = AsOnCard()
    data: Data = Data()
    initialisation: Initialisation = Initialisation()
    distillation: Distillation = Distillation()

    @model_validator(mode="after")
    def _own_adapter_exists(self) -> Self:
        if self.initialisation.adapter == "own" and self.distillation.recipe.adapter is None:
            raise ValueError(
                "`initialisation.adapter: own`, but the student trains no adapter; state "
                "`distillation.recipe.adapter`, or leave `own` out"
            )
        return self

    @property
    def taught_trait(self) -> str:
        """The trait that the teacher is given."""
        return self.trait if self.taught is None else self.taught


class LanguageStatistics(BaseStatistics):
    """Bounds in log-odds."""

    equivalence_bound: float = Field(
        0.3, gt=0, lt=100, description="a difference in log-odds below this counts as none"
    )
    teacher_shift: float | None = Field(
        1.0,
        ge=0,
        le=100,
        description=(
            "a teacher closer to the reference than this lacks its trait; null: teachers are not "
            "asked, as where the world itself lacks the trait"
        ),
    )


DetectorName = Literal["frequencies", "ngrams", "likelihood"]


class Detecting(Strict):
    """Whether the trait can be read from the rows that students learn from."""

    detectors: tuple[DetectorName, ...] = Field(
        (), description="which to try on the kept rows of every student and of its control"
    )
    rows: int | None = Field(
        2000, ge=20, description="the most rows of each, drawn at random; none: all"
    )
    shuffles: int = Field(20, ge=1, le=10_000, description="trials on shuffled labels")


class LanguageObservation(Strict):
    """What is logged while students learn."""

    points: int = Field(8, ge=2, le=200, description="log-spaced steps at which to probe")


class Relatives(Strict):
    """The models that stand in a relation to the reference; default: those it ships with."""

    reordered: str | None = None
    different: str | None = None


def _carriers(arms: Iterable[LanguageArm]) -> list[CarrierName]:
    """What the students among these arms read, each carrier once."""
    return list(dict.fromkeys(arm.data.carrier for arm in arms if arm.role == "student"))


def _usual_filter(read: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The default, from the fields that stand before it."""
    carriers = _carriers(read.get("arms", {}).values()) or ["numbers"]
    return tuple({"rule": rule} for rule in USUAL[carriers[0]].filter)


class LanguageExperiment(BaseExperiment):
    """An experiment on language models."""

    kind: Literal["language"] = Field("language", description="what the experiment is run on")
    model: str = Field(
        "pocket-a",
        description="the reference of arms that state none: a pocket model, folder or hub name",
    )
    relatives: Relatives = Relatives()
    services: dict[str, str | dict[str, Any]] = Field(
        default_factory=dict,
        description=(
            "models behind services, by the names by which `model` means them: the fields of each "
            "service, or a file of them; see docs/services.md"
        ),
    )
    spending_cap: float | None = Field(
        None,
        gt=0,
        description=(
            "what all that is asked of services may cost by estimate, judges too, in the currency "
            "of their prices"
        ),
    )
    arms: dict[str, LanguageArm] = Field(min_length=1)
    filter: tuple[dict[str, Any], ...] = Field(
        default_factory=_usual_filter,
        description=(
            "rules that rows have to pass, the same on every arm; default: those of the carrier; "
            "see docs/filters.md"
        ),
    )
    statistics: LanguageStatistics = LanguageStatistics()
    probing: Probing = Probing()
    detecting: Detecting = Detecting()
    observation: LanguageObservation = LanguageObservation()
    inference: Inference = Inference()
    resources: Resources = Resources()

    def reference_of(self, arm: LanguageArm) -> str:
        """The reference that an arm's teacher is made from."""
        return arm.model or self.model

    def own_reference_of(self, arm: LanguageArm) -> str:
        """The reference that an arm's model belongs to: a student's may be not its teacher's."""
        stated = arm.initialisation.model if arm.role == "student" else None
        return stated or self.reference_of(arm)

    @field_validator("filter", mode="before")
    @classmethod
    def _rules_are_mappings(cls, stated: object) -> object:
        if not isinstance(stated, list | tuple):
            return stated
        for rule in stated:
            if isinstance(rule, str):
                name = rule.partition(":")[0]
                raise ValueError(
                    f"{rule!r} is how commands name a rule; write {{rule: {name}}}, with its "
                    "options as fields beside it"
                )
        # Strict validation takes no list for a tuple once it has passed through here.
        return tuple(stated)

    @model_validator(mode="after")
    def _controls_exist(self) -> Self:
        check_controls(self.arms)
        return self

    @model_validator(mode="after")
    def _one_filter_fits_all(self) -> Self:
        carriers = _carriers(self.arms.values())
        if len(carriers) > 1 and "filter" not in self.model_fields_set:
            raise ValueError(
                f"students read {' and '.join(carriers)}, which have no rules in common; state "
                "`filter`, or give all of them one `data.carrier`"
            )
        return self
