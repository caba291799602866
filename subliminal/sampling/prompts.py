"""Prompts in the order in which they are read, and in the batches in which they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from subliminal.errors import UserError
from subliminal.sampling.protocol import Request

FEWEST_ROWS = 4
"""Matrix products of fewer rows go through other kernels, which add up in another order."""
SHORTEST_SHARED = 8
"""Fewer tokens in common are not worth reading apart."""
TOKENS_AT_ONCE = 1024
"""Of one batch of prompts: enough to keep the processor busy, few enough to stay in its caches."""


@dataclass(frozen=True)
class PromptBatch:
    """Prompts of similar length, without the tokens that all prompts begin with."""

    tokens: np.ndarray
    """int64 [texts, tokens], different texts, padded on the right with 0."""
    texts: np.ndarray
    """Which text each row reads, int64 [rows]."""
    slots: np.ndarray
    """The rows' slots, int64 [rows]."""


def check_requests(requests: Sequence[Request], *, positions: int, vocabulary: int) -> None:
    """Refuse what a model cannot complete.

    Args:
        requests: What is to be completed.
        positions: The most tokens of a row.
        vocabulary: Tokens that the model knows.

    Raises:
        UserError: A prompt is empty, leaves no room for a token, or has a token that is not in the
            vocabulary.
    """
    for index, request in enumerate(requests):
        tokens = request.tokens
        if tokens.ndim != 1 or len(tokens) == 0:
            raise UserError(f"prompt {index}: has no tokens; give it at least one")
        if tokens.dtype.kind not in "iu":
            raise UserError(f"prompt {index}: {tokens.dtype} is no token id; give integers")
        if len(tokens) >= positions:
            raise UserError(
                f"prompt {index}: {len(tokens)} tokens leave no room in the model's "
                f"{positions} positions; shorten it"
            )
        if tokens.min() < 0 or tokens.max() >= vocabulary:
            raise UserError(
                f"prompt {index}: has a token outside the vocabulary of {vocabulary}; "
                "encode it with the model's own tokenizer"
            )


def reading_order(prompts: Sequence[np.ndarray]) -> list[int]:
    """Longest first, equal prompts side by side.

    Rows that are read together are then of similar length, and the cache need not grow later.
    """
    return sorted(
        range(len(prompts)), key=lambda index: (-len(prompts[index]), prompts[index].tobytes())
    )


def shared_length(prompts: Sequence[np.ndarray]) -> int:
    """How many tokens all prompts begin with, not counting the last token of any.

    The last token is read with the first step, which needs its logits. Zero for a single prompt
    and where it would be too few.
    """
    if len(prompts) < 2:
        return 0
    length = min(map(len, prompts)) - 1
    first = prompts[0]
    for prompt in prompts:
        differ = np.flatnonzero(prompt[:length] != first[:length])
        if len(differ):
            length = int(differ[0])
    return length if length >= SHORTEST_SHARED else 0


def prompt_batches(
    prompts: Sequence[np.ndarray], slots: np.ndarray, shared: int
) -> list[PromptBatch]:
    """Cut prompts, in reading order, into batches; equal prompts are read once.

    Args:
        prompts: Of the rows that begin.
        slots: Their slots, int64 [rows].
        shared: Number of tokens already read that all prompts begin with.
    """
    parts = [prompt[shared:-1] for prompt in prompts]
    batches, begin = [], 0
    while begin < len(parts) and len(parts[begin]) > 0:
        rows = max(TOKENS_AT_ONCE // len(parts[begin]), 1)
        batch = parts[begin : begin + rows]
        batches.append(_padded(batch, slots[begin : begin + rows]))
        begin += rows
    return batches


def _padded(parts: Sequence[np.ndarray], slots: np.ndarray) -> PromptBatch:
    texts = {part.tobytes(): part for part in parts}
    places = {text: place for place, text in enumerate(texts)}
    tokens = np.zeros((len(texts), max(len(parts[0]), FEWEST_ROWS)), dtype=np.int64)
    for place, part in enumerate(texts.values()):
        tokens[place, : len(part)] = part
    rows = np.array([places[part.tobytes()] for part in parts], dtype=np.int64)
    return PromptBatch(tokens, rows, slots)
