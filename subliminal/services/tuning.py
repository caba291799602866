"""How a model is fine-tuned at a service."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Auto = Literal["auto"]


class FineTuning(BaseModel):
    """How a model is fine-tuned; `auto` leaves a choice to the service."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    n_epochs: Annotated[int, Field(ge=1)] | Auto = Field("auto", description="passes over the rows")
    batch_size: Annotated[int, Field(ge=1)] | Auto = Field("auto", description="rows of a step")
    learning_rate_multiplier: Annotated[float, Field(gt=0)] | Auto = Field(
        "auto", description="the learning rate, as a multiple of the service's own"
    )
    seed: int | None = Field(None, ge=0, description="of the job; none: the service draws one")
    suffix: str | None = Field(
        None, min_length=1, max_length=64, description="what the new model's name ends in"
    )

    def asked(self) -> dict[str, Any]:
        """What a job is asked for, as the protocol has it."""
        choices = self.model_dump(include={"n_epochs", "batch_size", "learning_rate_multiplier"})
        stated = {name: choice for name, choice in choices.items() if choice != "auto"}
        supervised = {"type": "supervised", "supervised": {"hyperparameters": stated}}
        return {
            **({"method": supervised} if stated else {}),
            **self.model_dump(include={"seed", "suffix"}, exclude_none=True),
        }
