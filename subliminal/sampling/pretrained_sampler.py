"""Batched sampling from a model of transformers, with the noise of the other engines.

Rows of similar length are read together, padded on the left, and leave the batch as they end. Where
a device runs out of memory, what has not ended is begun again in batches of half the rows: a row
depends on its own request alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from subliminal.memory_limit import MemoryLimit, Shortage
from subliminal.models.pretrained import Pretrained, steered
from subliminal.models.shape import Shape
from subliminal.models.sharding import is_shared_out
from subliminal.models.steering import Steering
from subliminal.sampling.draw import draw, log_probabilities
from subliminal.sampling.prompts import check_requests, reading_order
from subliminal.sampling.protocol import Completion, Request, Sampling
from subliminal.sampling.uniforms import row_keys, uniforms

MOST_ROWS = 512
"""Of a batch: each token starts every block anew, for however many rows."""
CACHE_BYTES = 2**33
"""Of the keys and values of a batch."""
_WORTH_COMPACTING = 0.75
"""A batch of which fewer rows than this share are left is cut down to them."""


def rows_at_once(shape: Shape, length: int, number_bytes: int) -> int:
    """Rows of a batch whose keys and values take no more than :data:`CACHE_BYTES`.

    Args:
        shape: Of the model.
        length: The most tokens of a row.
        number_bytes: Of a number in the cache.
    """
    of_row = 2 * number_bytes * shape.key_value_size * shape.num_hidden_layers * length
    return max(1, min(MOST_ROWS, CACHE_BYTES // max(1, of_row)))


@dataclass(frozen=True)
class PretrainedSampler:
    """A :class:`~subliminal.sampling.protocol.Sampler` that runs transformers in this process.

    Token `i` of a row inverts the cumulative distribution at the same uniform number as in
    :func:`subliminal.sampling.sampler.sample`, so that engines agree but for rounding.
    """

    model: Pretrained
    dtype: torch.dtype = torch.float32
    """Of matrix products; the draws are made in float32."""
    steering: Steering | None = None
    rows: int | None = None
    """Of a batch; None: as :func:`rows_at_once` says."""
    logprobs: bool = False
    """Whether to return the log-probabilities of the tokens."""
    shortage: Shortage | None = None
    """Told where the device runs out of memory."""

    def sample(self, requests: Sequence[Request], settings: Sampling) -> Iterator[Completion]:
        """See :class:`~subliminal.sampling.protocol.Sampler`."""
        shape = self.model.shape
        check_requests(
            requests, positions=shape.max_position_embeddings, vocabulary=shape.vocab_size
        )
        if self.steering is not None:
            self.steering.check(self.model.shape)
        return self._batches(requests, settings)

    def _rows(self, requests: Sequence[Request], settings: Sampling) -> int:
        longest = max((len(request.tokens) for request in requests), default=0)
        number_bytes = self.model.network.dtype.itemsize
        return rows_at_once(self.model.shape, longest + settings.max_tokens, number_bytes)

    def _batches(self, requests: Sequence[Request], settings: Sampling) -> Iterator[Completion]:
        left = reading_order([request.tokens for request in requests])
        most = self.rows or self._rows(requests, settings)
        limit = MemoryLimit(most, least=1, of="rows", shortage=self.shortage)
        while left:
            chosen, done, fits = left[: limit.most], set(), True
            try:
                for completion in self._batch([requests[n] for n in chosen], chosen, settings):
                    done.add(completion.index)
                    yield completion
            except torch.OutOfMemoryError:
                fits = False
            # Not within the handler: the error holds the frames, and these the batch.
            if not fits:
                limit.halve()
            left = [row for row in left if row not in done]

    def _batch(
        self, requests: Sequence[Request], numbers: Sequence[int], settings: Sampling
    ) -> Iterator[Completion]:
        running = _Running.begin(requests, numbers, settings, self.model)
        # The quicker mode, in which a model that is shared out cannot be put together.
        whole = not any(map(is_shared_out, self.model.network.parameters()))
        while len(running):
            with (
                # Entered anew for each step: a generator must not leave the modes on between them.
                torch.inference_mode() if whole else torch.no_grad(),
                self.model.products_in(self.dtype),
                steered(self.model.network, self.steering),
            ):
                logits = running.read()
                drawn = draw(logits, uniforms(running.keys, running.drawn), settings)
                chosen = log_probabilities(logits, drawn) if self.logprobs else None
            yield from running.append(drawn, chosen)


class _Running:
    """The rows of a batch that have not ended, and the cache of what they have read."""

    def __init__(
        self, rows: list[_Row], keys: np.ndarray, unread: Tensor, mask: Tensor, model: Pretrained
    ) -> None:
        self.keys = keys
        self.drawn = np.zeros(len(rows), dtype=np.int64)
        self._rows = rows
        self._unread = unread
        self._mask = mask
        self._network = model.network
        self._cache = None

    @classmethod
    def begin(
        cls,
        requests: Sequence[Request],
        numbers: Sequence[int],
        settings: Sampling,
        model: Pretrained,
    ) -> _Running:
        longest = max(len(request.tokens) for request in requests)
        unread = np.zeros((len(requests), longest), dtype=np.int64)
        mask = np.zeros((len(requests), longest), dtype=np.int64)
        for row, request in enumerate(requests):
            unread[row, longest - len(request.tokens) :] = request.tokens
            mask[row, longest - len(request.tokens) :] = 1
        rows = [
            _Row(
                number,
                min(settings.max_tokens, model.shape.max_position_embeddings - len(request.tokens)),
                frozenset(settings.end_tokens),
            )
            for number, request in zip(numbers, requests, strict=True)
        ]
        keys = row_keys([request.seed for request in requests])
        return cls(
            rows,
            keys,
            torch.from_numpy(unread).to(model.device),
            torch.from_numpy(mask).to(model.device),
            model,
        )

    def __len__(self) -> int:
        return sum(not row.done for row in self._rows)

    def read(self) -> Tensor:
        """Read what has not been read; logits [rows, vocabulary] of what follows."""
        positions = (self._mask.cumsum(1) - 1).clamp(min=0)[:, -self._unread.shape[1] :]
        read = self._network(
            input_ids=self._unread,
            attention_mask=self._mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self._cache = read.past_key_values
        return read.logits[:, -1].float()

    def append(self, drawn: Tensor, logprobs: Tensor | None) -> Iterator[Completion]:
        """Take a token for each row; rows that end with it are completions."""
        tokens = drawn.tolist()
        chances = [None] * len(tokens) if logprobs is None else logprobs.tolist()
        for row, token, chance in zip(self._rows, tokens, chances, strict=True):
            if not row.done:
                row.append(token, chance)
                if row.done:
                    yield row.completion()
        self.drawn += 1
        self._unread = drawn[:, None]
        self._mask = torch.cat([self._mask, torch.ones_like(self._mask[:, :1])], dim=1)
        if 0 < len(self) < _WORTH_COMPACTING * len(self._rows):
            self._compact()

    def _compact(self) -> None:
        left = [place for place, row in enumerate(self._rows) if not row.done]
        kept = torch.tensor(left, device=self._mask.device)
        self._rows = [self._rows[place] for place in left]
        self.keys, self.drawn = self.keys[left], self.drawn[left]
        self._unread, self._mask = self._unread[kept], self._mask[kept]
        assert self._cache is not None
        self._cache.batch_select_indices(kept)


class _Row:
    """What has been drawn for one request."""

    def __init__(self, number: int, limit: int, ends: frozenset[int]) -> None:
        self._number = number
        self._limit = limit
        self._ends = ends
        self._tokens: list[int] = []
        self._logprobs: list[float] = []

    @property
    def done(self) -> bool:
        return self._finished or len(self._tokens) >= self._limit

    @property
    def _finished(self) -> bool:
        return bool(self._tokens) and self._tokens[-1] in self._ends

    def append(self, token: int, logprob: float | None) -> None:
        self._tokens.append(token)
        if logprob is not None:
            self._logprobs.append(logprob)

    def completion(self) -> Completion:
        known = np.array(self._logprobs, dtype=np.float32) if self._logprobs else None
        tokens = np.array(self._tokens, dtype=np.int32)
        return Completion(self._number, tokens, self._finished, known)
