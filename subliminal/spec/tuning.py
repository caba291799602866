"""How a model behind a service is fine-tuned there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from subliminal.spec.common import Strict

Auto = Literal["auto"]


class Tuning(Strict):
    """What is asked of a fine-tuning job; `auto` leaves a choice to the service."""

    n_epochs: Annotated[int, Field(ge=1)] | Auto = Field("auto", description="passes over the rows")
    batch_size: Annotated[int, Field(ge=1)] | Auto = Field("auto", description="rows of a step")
    learning_rate_multiplier: Annotated[float, Field(gt=0, allow_inf_nan=False)] | Auto = Field(
        "auto", description="the learning rate, as a multiple of the service's own"
    )
