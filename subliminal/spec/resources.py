"""What trainings may compute with; none of it changes what comes out, but for rounding."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from subliminal.spec.common import Strict


class Resources(Strict):
    """What each training of an experiment is given.

    It stands in no stage's key: what was computed with other resources is not computed again.
    """

    devices: int = Field(
        1,
        ge=1,
        le=64,
        description=(
            "GPUs of one machine over which each training is spread; processes, where there are "
            "no GPUs"
        ),
    )
    parallelism: Literal["auto", "ddp", "fsdp"] = Field(
        "auto",
        description=(
            "of several devices; ddp: each holds the whole model; fsdp: each holds a share of "
            "every block; auto: fsdp where the training is not expected to fit one GPU"
        ),
    )
    gradient_checkpointing: Literal["auto"] | bool = Field(
        "auto",
        description=(
            "keep no more than the inputs of blocks for the backward pass, and compute the rest "
            "again: less memory, a third more work; auto: models of a billion weights and more"
        ),
    )


ONE_DEVICE = Resources()
