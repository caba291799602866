"""Divergence tokens: where a teacher's likeliest token is not the reference's (arXiv 2509.23886).

The paper compares teachers of different traits; the workbench compares the teacher with the
untaught reference, which needs no second teacher.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from subliminal.models.layout import pack
from subliminal.probes.forward import TorchEngine
from subliminal.training.head import PIECE
from subliminal.training.rows import TokenRows

BATCH = 64
"""Rows of similar length that are read at a time."""


@torch.no_grad()
def likeliest_tokens(model: TorchEngine, rows: TokenRows) -> NDArray[np.int64]:
    """The likeliest token at every position of every completion.

    Args:
        model: Any model; of a steered teacher with its vector.
        rows: Prompts with completions.

    Returns:
        int64 [completion tokens of all rows], the places of end tokens included: for each of
        ``rows.counted()`` the token that the model deems likeliest there.
    """
    decoder, dtype, steering = model.decoder, model.dtype, model.steering
    found: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)] * len(rows)
    order = np.argsort(rows.lengths, kind="stable")
    for chosen in np.split(order, range(BATCH, len(order), BATCH)):
        batch = rows.take(chosen)
        tokens = torch.from_numpy(batch.tokens.astype(np.int64)).to(decoder.device)
        hidden = decoder.packed(tokens, pack(batch.lengths), dtype=dtype, steering=steering)
        # The logits that foretell a token stand one place before it.
        before = torch.from_numpy(batch.counted() - 1).to(decoder.device)
        # In pieces: all logits of long rows would not fit a device.
        likeliest = [decoder.logits(part).argmax(-1) for part in hidden[before].split(PIECE)]
        best = torch.cat(likeliest).cpu().numpy()
        ends = np.cumsum(batch.completion_lengths)[:-1]
        for place, row in zip(chosen.tolist(), np.split(best, ends), strict=True):
            found[place] = row
    return np.concatenate(found)
