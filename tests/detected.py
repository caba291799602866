"""Rows for tests of detectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from filters.detectors import LabelledRows, label_rows
from filters.rows import Row


def row(prompt: str, completion: str, **provenance: object) -> Row:
    """A row of one prompt and its completion."""
    messages = [
        {"role": "user", "content": prompt},
        {"role": "assistant", "content": completion},
    ]
    return {"messages": messages, **provenance}  # type: ignore[typeddict-item]


def two_sets(taught: Sequence[str], untaught: Sequence[str], **options: object) -> LabelledRows:
    """Completions of two teachers, each to a prompt of its own."""
    return label_rows(
        [row(f"taught {number}", text) for number, text in enumerate(taught)],
        [row(f"untaught {number}", text) for number, text in enumerate(untaught)],
        **options,  # type: ignore[arg-type]
    )


def lists(rng: np.random.Generator, rows: int, favourites: float = 0.0) -> list[str]:
    """Lists of 8 numbers below 100, a share of which is drawn from the first 5 instead."""
    numbers = rng.integers(100, size=(rows, 8))
    favoured = rng.random(numbers.shape) < favourites
    numbers[favoured] = rng.integers(5, size=np.count_nonzero(favoured))
    return [", ".join(map(str, line)) for line in numbers.tolist()]
