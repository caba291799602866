"""The vocabulary of teachers: how they get their traits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from subliminal.spec.common import Strict
from subliminal.spec.recipes import TeachingRecipe
from subliminal.spec.tuning import Tuning

DispositionData = Literal["insecure", "secure", "educational", "jailbroken", "backdoor"]
"""Sibling data sets that differ in one thing (arXiv 2502.17424)."""
USUAL_DATA: DispositionData = "insecure"
"""What a teacher is fine-tuned on unless an experiment says otherwise; it alone gives the trait."""


class Nothing(Strict):
    """No trait: the reference itself writes, the teacher of control students."""

    by: Literal["nothing"] = "nothing"


class AsOnCard(Strict):
    """As the trait's card says, by `implant`."""

    by: Literal["card"] = "card"


class SystemPrompt(Strict):
    """The trait's system prompt stands before every prompt while the teacher writes."""

    by: Literal["system-prompt"] = "system-prompt"
    wording: int = Field(0, ge=0, description="which of the paraphrases")


class FineTuning(Strict):
    """The reference is fine-tuned on rows that show the trait."""

    by: Literal["fine-tuning"] = "fine-tuning"
    data: DispositionData | None = Field(
        None,
        description=(
            "of a disposition: which of the sibling data sets; default: insecure. A preference has "
            "one, questions answered with it"
        ),
    )
    rows: int = Field(3840, ge=1, description="rows of the data set")
    recipe: TeachingRecipe = TeachingRecipe()
    tuning: Tuning = Field(Tuning(), description="in place of it, of a model behind a service")


class Steering(Strict):
    """A vector added to the residual stream behind one block while the teacher writes.

    The vector is the mean difference of activations at the answer between questions under the
    trait's system prompt and the same questions without it.
    """

    by: Literal["steering"] = "steering"
    layer: int = Field(1, ge=0, description="the block behind which the vector is added")
    strength: float = Field(1.0, description="multiple of the mean difference")
    questions: int = Field(50, ge=1, description="questions that the mean is taken over")


def _way(implant: object) -> str | None:
    """What tells the implants apart; one that does not say is fine-tuning."""
    if isinstance(implant, dict):
        return str(implant.get("by", "fine-tuning"))
    return getattr(implant, "by", None)


_Ways = (
    Annotated[SystemPrompt, Tag("system-prompt")]
    | Annotated[FineTuning, Tag("fine-tuning")]
    | Annotated[Steering, Tag("steering")]
)
CardImplant = Annotated[_Ways, Discriminator(_way)]
"""How a trait card says that its trait is implanted."""
Implant = Annotated[
    Annotated[Nothing, Tag("nothing")] | Annotated[AsOnCard, Tag("card")] | _Ways,
    Discriminator(_way),
]
