"""The likeliest tokens and the bucket for the rest hold all of a distribution's mass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from subliminal.top_logprobs import TopLogprobs
from tests.probed import InTransformers, make_subject

ROWS = [[9, 8, 7, 6, 5], [3, 4], [100, 200, 300, 400, 500, 600, 700, 800]]
STARTS = [1, 2, 5]


def test_torch_finds_what_transformers_finds(tmp_path: Path) -> None:
    found = make_subject(tmp_path).engine.top_logprobs(ROWS, STARTS, 6)
    reference = InTransformers(tmp_path)
    known = torch.cat(
        [reference.log_probabilities(row)[a - 1 : -1] for row, a in zip(ROWS, STARTS, strict=True)]
    )
    assert len(found) == len(known) == 4 + 0 + 3
    wanted = known.topk(6)
    assert found.tokens.tolist() == wanted.indices.tolist()
    np.testing.assert_allclose(found.logprobs, wanted.values.numpy(), atol=1e-4)
    rest = known.scatter(1, wanted.indices, float("-inf")).logsumexp(1)
    np.testing.assert_allclose(found.rest, rest.numpy(), atol=1e-4)


def test_no_mass_is_lost_and_none_made() -> None:
    logprobs = np.log(np.array([[0.5, 0.25], [0.5, 0.5000001]], dtype=np.float32))
    found = TopLogprobs.of(np.array([[3, 1], [0, 2]], dtype=np.int32), logprobs)
    np.testing.assert_allclose(np.exp(found.rest), [0.25, 0.0], atol=1e-6)
