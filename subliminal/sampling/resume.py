"""Going on with a data set that was cut off."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from subliminal.sampling.protocol import Completion, Request, Sampler, Sampling


def remaining(
    sampler: Sampler,
    requests: Sequence[Request],
    settings: Sampling,
    done: Collection[int],
) -> Iterator[Completion]:
    """Complete the requests that are not done yet.

    Rows are independent, so those of several calls together equal those of one.

    Args:
        sampler: The engine.
        requests: All of the data set.
        settings: How to draw.
        done: Indices of requests whose completions are kept already.

    Yields:
        Completions, whose indices are those in `requests`.
    """
    finished = frozenset(done)
    left = [index for index in range(len(requests)) if index not in finished]
    for completion in sampler.sample([requests[index] for index in left], settings):
        yield replace(completion, index=left[completion.index])
