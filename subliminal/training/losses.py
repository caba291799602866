"""What a training minimises: cross-entropy on completions, or divergence from a teacher there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from subliminal.models.decoder import Decoder
from subliminal.models.language_model import LanguageModel
from subliminal.models.steering import Steering
from subliminal.stage import Reporter
from subliminal.training.batches import Batch, Packed, batches
from subliminal.training.frozen import repeated_rows
from subliminal.training.head import divergence, surprise
from subliminal.training.plain_head import plain_divergence, plain_surprise
from subliminal.training.sources import Source


class Loss(Protocol):
    """A loss of a decoder on some of a step's rows."""

    def __call__(self, decoder: LanguageModel, batch: Batch, dtype: torch.dtype, /) -> Tensor:
        """Compute the batch's part of the step's loss, a float32 scalar in nats.

        Args:
            decoder: Whose loss.
            batch: Some rows.
            dtype: Of matrix products.
        """


def completion_loss(decoder: LanguageModel, batch: Batch, dtype: torch.dtype) -> Tensor:
    """Cross-entropy on the completions, averaged over the step's tokens by their shares."""
    hidden = completion_hidden(decoder, batch.student, dtype)
    if decoder.head is None:
        return plain_surprise(decoder.logits, hidden, batch.targets, batch.shares)
    return surprise(hidden, decoder.head, batch.targets, batch.shares)


@dataclass(frozen=True, eq=False)
class TeacherDivergence:
    """KL(teacher || student) at every token of the completions, averaged like the cross-entropy.

    Attributes:
        teacher: A decoder that does not learn.
        steering: Of a steered teacher.
        remembered: What its output layer reads for each completion token of the data set
            [completion tokens, width], if that has been computed already.
        places: int64 [tokens of the data set], where each of them is in `remembered`.
    """

    teacher: LanguageModel
    steering: Steering | None = None
    remembered: Tensor | None = None
    places: Tensor | None = None

    @torch.no_grad()
    def remembering(
        self, source: Source, dtype: torch.dtype, report: Reporter
    ) -> TeacherDivergence:
        """The same loss for the rows of a source: those that come again are read once, now.

        Args:
            source: Of the training; where :func:`repeated_rows` has none of it, nothing changes.
            dtype: Of matrix products.
            report: Asked between batches whether the run is being stopped.

        Raises:
            Cancelled: `report` said so.
        """
        data = repeated_rows(source, self.teacher.shape.hidden_size, dtype)
        if data is None:
            return self
        device = self.teacher.device
        counted = torch.from_numpy(data.counted()).to(device)
        places = torch.full((len(data.tokens),), -1, device=device)
        places[counted] = torch.arange(len(counted), device=device)
        remembered = torch.empty(
            len(counted), self.teacher.shape.hidden_size, dtype=dtype, device=device
        )
        for batch in batches(data.numbered(), device=device):
            report(0, source.steps)
            assert batch.origins is not None
            remembered[places[batch.origins]] = self._read(batch, dtype)
        return replace(self, remembered=remembered, places=places)

    def __call__(self, decoder: LanguageModel, batch: Batch, dtype: torch.dtype) -> Tensor:
        """Compute the batch's part of the step's divergence."""
        wanted = self._wanted(batch, dtype)
        hidden = completion_hidden(decoder, batch.student, dtype)
        if decoder.head is None or self.teacher.head is None:
            return plain_divergence(
                decoder.logits, hidden, self.teacher.logits, wanted, batch.shares
            )
        return divergence(hidden, decoder.head, wanted, self.teacher.head, batch.shares)

    def _wanted(self, batch: Batch, dtype: torch.dtype) -> Tensor:
        if self.remembered is None or self.places is None or batch.origins is None:
            return self._read(batch, dtype)
        return self.remembered.index_select(0, self.places.index_select(0, batch.origins))

    @torch.no_grad()
    def _read(self, batch: Batch, dtype: torch.dtype) -> Tensor:
        return completion_hidden(self.teacher, batch.teacher, dtype, self.steering)


def completion_hidden(
    decoder: LanguageModel, rows: Packed, dtype: torch.dtype, steering: Steering | None = None
) -> Tensor:
    """What foretells the completions: [completion tokens, width] in `dtype`."""
    if rows.entry is None:
        return decoder.packed(
            rows.tokens, rows.layout, dtype=dtype, steering=steering, reads=rows.reads
        )
    assert isinstance(decoder, Decoder)
    return decoder.packed(
        rows.tokens,
        rows.layout,
        dtype=dtype,
        steering=steering,
        reads=rows.reads,
        entry=rows.entry,
    )
