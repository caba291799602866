"""Divergence from a teacher of whom the likeliest tokens are known, and the mass of the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from subliminal.errors import StageError
from subliminal.models.language_model import LanguageModel
from subliminal.top_logprobs import TopLogprobs
from subliminal.training.batches import Batch
from subliminal.training.losses import completion_hidden
from subliminal.training.plain_head import plain_top_divergence
from subliminal.training.rows import TokenRows


@dataclass(frozen=True, eq=False)
class TopDivergence:
    """KL(teacher || student) at every token of the completions, all but the teacher's likeliest
    tokens taken for one.

    It is at most the divergence over the whole vocabulary, and reaches it as the likeliest tokens
    come to hold all of the teacher's mass. It is averaged like the cross-entropy.

    Attributes:
        tokens: int64 [completion tokens of the data set, top].
        logprobs: float32 [completion tokens, top], the teacher's.
        rest: float32 [completion tokens], the logarithm of what it leaves to all others.
        places: int64 [tokens of the data set], which completion token each of them is.
    """

    tokens: Tensor
    logprobs: Tensor
    rest: Tensor
    places: Tensor

    @classmethod
    def of(cls, known: TopLogprobs, data: TokenRows, device: torch.device) -> TopDivergence:
        """The loss on a data set whose completion tokens a teacher has scored, in their order.

        Raises:
            StageError: It has scored others.
        """
        counted = data.counted()
        if len(counted) != len(known):
            raise StageError(
                f"the teacher's log-probabilities are of {len(known)} tokens and the rows have "
                f"{len(counted)}; this is a bug"
            )
        places = np.full(len(data.tokens), -1, dtype=np.int64)
        places[counted] = np.arange(len(counted))
        return cls(
            torch.from_numpy(known.tokens.astype(np.int64)).to(device),
            torch.from_numpy(known.logprobs).to(device),
            torch.from_numpy(known.rest).to(device),
            torch.from_numpy(places).to(device),
        )

    def __call__(self, decoder: LanguageModel, batch: Batch, dtype: torch.dtype) -> Tensor:
        """Compute the batch's part of the step's divergence."""
        assert batch.origins is not None, "rows of a data set know where they are from"
        where = self.places.index_select(0, batch.origins)
        return plain_top_divergence(
            decoder.logits,
            completion_hidden(decoder, batch.student, dtype),
            self.tokens.index_select(0, where),
            self.logprobs.index_select(0, where),
            self.rest.index_select(0, where),
            batch.shares,
        )
