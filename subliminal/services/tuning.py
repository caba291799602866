"""How a model is fine-tuned at a service."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from subliminal.spec.tuning import Tuning


class FineTuning(Tuning):
    """What decides a job, beside its rows."""

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
