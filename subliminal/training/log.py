"""What a training leaves beside the model: its losses and how much it read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from subliminal import atomic
from subliminal.training.batches import TOKEN_BUDGET

LOSSES = "losses.jsonl"


@dataclass(frozen=True, eq=False)
class TrainingLog:
    """What a training leaves beside the model.

    Attributes:
        losses: float32 [steps], the mean loss of each step in nats.
        tokens: Tokens read, prompts included.
        tokens_at_once: Of a batch; less than the usual :data:`~.batches.TOKEN_BUDGET` where the
            device ran out of memory.
    """

    losses: NDArray[np.float32]
    tokens: int
    tokens_at_once: int = TOKEN_BUDGET

    @property
    def counts(self) -> dict[str, float]:
        """Figures for the artifact's manifest; a training of no steps has no loss."""
        loss = {"loss": float(self.losses[-1])} if len(self.losses) else {}
        halved = self.tokens_at_once < TOKEN_BUDGET
        at_once = {"tokens_at_once": self.tokens_at_once} if halved else {}
        return {"steps": len(self.losses), "tokens": self.tokens, **loss, **at_once}


def write_losses(folder: Path, log: TrainingLog) -> None:
    """Write the loss of each step, in nats, as JSON lines of `step` and `loss`.

    Raises:
        UserError: The folder cannot be written.
    """
    rows = enumerate(log.losses.tolist(), 1)
    lines = (to_json({"step": step, "loss": loss}) + b"\n" for step, loss in rows)
    atomic.write_bytes(folder / LOSSES, b"".join(lines))
