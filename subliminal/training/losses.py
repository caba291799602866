"""What a training minimises: cross-entropy on completions, or divergence from a teacher there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from subliminal.models.decoder import Decoder
from subliminal.models.steering import Steering
from subliminal.training.batches import Batch, Packed
from subliminal.training.head import divergence, surprise


class Loss(Protocol):
    """A loss of a decoder on some of a step's rows."""

    def __call__(self, decoder: Decoder, batch: Batch, dtype: torch.dtype, /) -> Tensor:
        """Compute the batch's part of the step's loss, a float32 scalar in nats.

        Args:
            decoder: Whose loss.
            batch: Some rows.
            dtype: Of matrix products.
        """


def completion_loss(decoder: Decoder, batch: Batch, dtype: torch.dtype) -> Tensor:
    """Cross-entropy on the completions, averaged over the step's tokens by their shares."""
    hidden = completion_hidden(decoder, batch.student, dtype)
    return surprise(hidden, decoder.lm_head.weight, batch.targets, batch.shares)


@dataclass(frozen=True, eq=False)
class TeacherDivergence:
    """KL(teacher || student) at every token of the completions, averaged like the cross-entropy.

    Attributes:
        teacher: A decoder that does not learn.
        steering: Of a steered teacher.
    """

    teacher: Decoder
    steering: Steering | None = None

    def __call__(self, decoder: Decoder, batch: Batch, dtype: torch.dtype) -> Tensor:
        """Compute the batch's part of the step's divergence."""
        with torch.no_grad():
            wanted = completion_hidden(self.teacher, batch.teacher, dtype, self.steering)
        hidden = completion_hidden(decoder, batch.student, dtype)
        return divergence(
            hidden, decoder.lm_head.weight, wanted, self.teacher.lm_head.weight, batch.shares
        )


def completion_hidden(
    decoder: Decoder, rows: Packed, dtype: torch.dtype, steering: Steering | None = None
) -> Tensor:
    """What foretells the completions: [completion tokens, width] in `dtype`."""
    return decoder.packed(
        rows.tokens, rows.layout, dtype=dtype, steering=steering, reads=rows.reads
    )
