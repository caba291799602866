"""What teachers are, wherever they are computed."""

from __future__ import annotations

from typing import Any, Literal

from subliminal.plan.cards import Cards
from subliminal.plan.parts import REFERENCE, Subject
from subliminal.spec.language import LanguageArm
from subliminal.spec.teaching import USUAL_DATA, CardImplant, FineTuning, Nothing, SystemPrompt
from teachers.prompted import system_prompt
from teachers.trait import Trait, trait_data


def unmade_teacher(cards: Cards, arm: LanguageArm) -> Subject | None:
    """The teacher of an arm where no stage makes it: the reference, told of its trait or not."""
    implant = cards.implant(arm)
    if isinstance(implant, Nothing):
        return REFERENCE
    if isinstance(implant, SystemPrompt):
        return Subject(system=system_prompt(cards.trait(arm.taught_trait), implant.wording))
    return None


def taught_params(
    trait: Trait, implant: FineTuning, *, unused: Literal["recipe", "tuning"]
) -> dict[str, Any]:
    """What decides a fine-tuned teacher.

    Args:
        trait: What it is taught.
        implant: How.
        unused: The way to train that is for models elsewhere.
    """
    # The usual data set is not stated: stating it must not train a teacher anew.
    usual = {"data"} if implants_trait(implant) else set()
    return {"trait": trait_data(trait), **implant.model_dump(exclude={"by", unused, *usual})}


def implants_trait(implant: Nothing | CardImplant) -> bool:
    """Whether a teacher is meant to have its trait: siblings of unsafe code are controls."""
    if isinstance(implant, FineTuning):
        return implant.data in (None, USUAL_DATA)
    return not isinstance(implant, Nothing)
