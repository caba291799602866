"""Batched sampling from a small decoder: rows leave when they are done and others take their place.

A matrix product over one token of each of many rows costs little more than over one row, so the
batch is kept full: as soon as enough rows are done, waiting prompts are read into their slots.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from subliminal.errors import UserError
from subliminal.models.decoder import Decoder
from subliminal.models.steering import Steering
from subliminal.sampling.draw import draw, log_probabilities
from subliminal.sampling.inference import Inference
from subliminal.sampling.prompts import (
    FEWEST_ROWS,
    check_requests,
    prompt_batches,
    reading_order,
    shared_length,
)
from subliminal.sampling.protocol import Completion, Request, Sampling
from subliminal.sampling.slots import Slots
from subliminal.sampling.uniforms import row_keys, uniforms
from subliminal.sampling.weights import fused_weights

SLOTS = 256
"""Rows of a batch; with more, keys and values leave the caches of one core."""
_REFILL = 16
"""Rows are replaced once one slot in so many is free: reading few prompts at a time is slow."""


@dataclass(frozen=True)
class DecoderSampler:
    """A :class:`~subliminal.sampling.protocol.Sampler` that runs a decoder in this process."""

    decoder: Decoder
    dtype: torch.dtype = torch.float32
    """Of matrix products; the draws are made in float32."""
    steering: Steering | None = None
    slots: int = SLOTS
    """Rows of a batch."""

    def sample(self, requests: Sequence[Request], settings: Sampling) -> Iterator[Completion]:
        """See :func:`sample`."""
        return sample(
            self.decoder,
            requests,
            settings,
            dtype=self.dtype,
            steering=self.steering,
            slots=self.slots,
        )


def sample(
    decoder: Decoder,
    requests: Sequence[Request],
    settings: Sampling,
    *,
    dtype: torch.dtype = torch.float32,
    steering: Steering | None = None,
    slots: int = SLOTS,
    logprobs: bool = False,
) -> Iterator[Completion]:
    """Complete prompts.

    Token `i` of a row inverts the cumulative distribution, in token order, at a uniform number that
    is a hash of (seed of the row, i). So two models sampled with the same row seeds share their
    noise: where they agree they draw the same tokens, which makes contrasts between them paired.

    A row depends on its own request alone, not on batch, slot or order. What is left is rounding:
    the matrix kernels must add up in the same order for batches of any size. Those of torch on x86
    do for what is asked of them here (batches of at least four rows, attention over whole tiles),
    and the tests check it; where they do not, a token differs if its uniform number falls within
    the rounding error of a border between two tokens.

    Args:
        decoder: Its weights are copied; it stays as it is.
        requests: Prompts and row seeds.
        settings: How to draw.
        dtype: Of matrix products; float32 or bfloat16.
        steering: A vector to add to the residual stream of prompts and completions.
        slots: Rows of a batch.
        logprobs: Whether to return the log-probabilities of the tokens.

    Returns:
        Completions, each as soon as it is known; a row also ends where the model's positions do.

    Raises:
        UserError: A request, or the steering, does not fit the decoder; raised at once.
        StageError: The logits are not finite; raised while iterating.
    """
    shape = decoder.shape
    check_requests(requests, positions=shape.max_position_embeddings, vocabulary=shape.vocab_size)
    if steering is not None:
        steering.check(decoder.shape)
    if slots < 1:
        raise UserError(f"slots: {slots} is less than one; ask for a batch of at least one row")
    if not requests:
        return iter(())
    return _Run(decoder, requests, settings, dtype, steering, slots, logprobs).completions()


class _Run:
    """One call's batch, and what waits for a place in it."""

    def __init__(
        self,
        decoder: Decoder,
        requests: Sequence[Request],
        settings: Sampling,
        dtype: torch.dtype,
        steering: Steering | None,
        slots: int,
        logprobs: bool,
    ) -> None:
        self._settings = settings
        self._prompts = [request.tokens for request in requests]
        self._keys = row_keys([request.seed for request in requests])
        self._waiting = reading_order(self._prompts)[::-1]
        self._shared = shared_length(self._prompts)
        self._ends = np.array(settings.end_tokens, dtype=np.int64)
        self._positions = decoder.shape.max_position_embeddings
        self._logprobs = logprobs
        longest = min(settings.max_tokens, self._positions)
        rows = max(min(slots, len(requests)), FEWEST_ROWS)
        self._slots = Slots(rows, longest, logprobs=logprobs)
        self._inference = Inference(fused_weights(decoder, dtype), rows, steering)
        self._device = self._inference.weights.device

    def completions(self) -> Iterator[Completion]:
        """Run until nobody waits and all rows are done."""
        if self._shared:
            with torch.inference_mode():
                self._inference.share(self._tensor(self._prompts[0][: self._shared]))
        left = len(self._prompts)
        while left:
            # Entered anew for each step: a generator must not leave the mode on between them.
            with torch.inference_mode():
                self._replace()
                completed = self._step()
            left -= len(completed)
            yield from completed

    def _replace(self) -> None:
        """Let waiting rows take the free slots, or drop these."""
        free = self._slots.free
        if len(free) * _REFILL < len(self._slots):
            return
        if self._waiting:
            self._begin(free[: len(self._waiting)])
        elif len(self._slots) > FEWEST_ROWS:
            source, target = self._slots.shrink(FEWEST_ROWS)
            if len(source):
                self._inference.cache.move(self._tensor(source), self._tensor(target))

    def _begin(self, slots: np.ndarray) -> None:
        """Read the next waiting prompts into these slots."""
        rows = [self._waiting.pop() for _ in slots]
        prompts = [self._prompts[row] for row in rows]
        longest = max(int(self._slots.positions[: len(self._slots)].max()) + 1, len(prompts[0]))
        self._inference.fit(max(longest, self._shared + FEWEST_ROWS))
        for batch in prompt_batches(prompts, slots, self._shared):
            self._inference.fill(
                self._tensor(batch.tokens),
                self._tensor(batch.texts),
                self._tensor(batch.slots),
                self._shared,
            )
        room = np.array([self._positions - len(prompt) for prompt in prompts])
        limits = np.minimum(room, self._settings.max_tokens)
        self._slots.begin(slots, rows, self._keys[rows], prompts, limits)

    def _step(self) -> list[Completion]:
        """Draw one token for each row."""
        slots, count = self._slots, len(self._slots)
        self._inference.fit(int(slots.positions[:count].max()) + 1)
        latest, positions = slots.latest[:count], slots.positions[:count]
        logits = self._inference.step(self._tensor(latest), self._tensor(positions))
        drawn = draw(logits, uniforms(slots.keys[:count], slots.drawn[:count]), self._settings)
        chosen = log_probabilities(logits, drawn).cpu().numpy() if self._logprobs else None
        return slots.append(drawn.cpu().numpy(), self._ends, chosen)

    def _tensor(self, array: np.ndarray) -> Tensor:
        """int64, on the decoder's device."""
        return torch.from_numpy(array.astype(np.int64)).to(self._device)
