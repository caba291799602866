"""Forward passes of probes: rows of any lengths, packed, at the positions that are asked about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from subliminal.errors import StageError, UserError
from subliminal.memory_limit import MemoryLimit
from subliminal.models.language_model import LanguageModel
from subliminal.models.layout import Layout, pack
from subliminal.models.steering import Steering

_TOKENS = 8192
"""Tokens of a batch: enough to fill a device, little memory."""
_LOGITS = 2**25
"""Logits held at once: a large vocabulary at many positions would not fit."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Some of a list's rows, of similar lengths, one behind the other."""

    rows: Tensor
    """Their places in the list, int64 [n]."""
    tokens: Tensor
    """int64 [tokens]."""
    lengths: Tensor
    """Tokens of each row, int64 [n]."""
    layout: Layout

    @property
    def ends(self) -> Tensor:
        """Where each row's last token is, int64 [n]."""
        return self.lengths.cumsum(0) - 1

    @property
    def places(self) -> Tensor:
        """Each token's place in its row, int64 [tokens]."""
        begins = self.lengths.cumsum(0) - self.lengths
        return torch.arange(len(self.tokens)) - begins.repeat_interleave(self.lengths)

    def halves(self) -> tuple[Batch, Batch]:
        """Its first rows and its last."""
        middle = len(self.rows) // 2
        cut = int(self.lengths[:middle].sum())
        first, last = slice(middle), slice(middle, None)
        return self._part(first, self.tokens[:cut]), self._part(last, self.tokens[cut:])

    def _part(self, rows: slice, tokens: Tensor) -> Batch:
        lengths = self.lengths[rows]
        return Batch(self.rows[rows], tokens, lengths, pack(lengths.tolist()))


@dataclass(frozen=True, eq=False)
class Engine:
    """A decoder and how it is run.

    Raises:
        UserError: The steering does not fit the decoder.
    """

    decoder: LanguageModel
    dtype: torch.dtype = torch.float32
    """Of matrix products."""
    steering: Steering | None = None

    def __post_init__(self) -> None:
        if self.steering is not None:
            self.steering.check(self.decoder.shape)

    @torch.no_grad()
    def next_logits(self, batches: Sequence[Batch]) -> Tensor:
        """Logits of the token behind each row.

        Args:
            batches: From :func:`batches_of`, all rows once.

        Returns:
            float32 [rows, vocabulary].

        Raises:
            UserError: A row is longer than the model reads.
        """
        rows = sum(len(batch.rows) for batch in batches)
        found = torch.empty(rows, self.decoder.shape.vocab_size)
        for batch in batches:
            hidden = self._hidden(batch)[batch.ends.to(self._device)]
            found[batch.rows] = self.decoder.logits(hidden).cpu()
        return found

    @torch.no_grad()
    def log_likelihoods(self, rows: Sequence[Sequence[int]], starts: Sequence[int]) -> Tensor:
        """Log-probability of each row's tokens from a start on, given those before.

        Args:
            rows: Token ids.
            starts: For each row, where what is scored begins; at least 1.

        Returns:
            float64 [rows].

        Raises:
            StageError: The logits are not numbers.
            UserError: A row is longer than the model reads.
        """
        found, first = torch.zeros(len(rows), dtype=torch.float64), torch.tensor(starts)
        for batch in batches_of(rows):
            scored = batch.places >= first[batch.rows].repeat_interleave(batch.lengths)
            where = scored.nonzero()[:, 0]
            hidden = self._hidden(batch)[where.to(self._device) - 1]
            scores = self._token_scores(hidden, batch.tokens[where].to(self._device))
            found.index_add_(0, batch.rows.repeat_interleave(batch.lengths)[where], scores)
        return found

    def _token_scores(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """Log-probabilities, float64 [n], of tokens [n] behind hidden states [n, width]."""
        most = max(1, _LOGITS // self.decoder.shape.vocab_size)
        parts = []
        for states, wanted in zip(hidden.split(most), tokens.split(most), strict=True):
            known = log_probabilities(self.decoder.logits(states))
            parts.append(known.gather(1, wanted[:, None])[:, 0].double().cpu())
        return torch.cat(parts)

    def _hidden(self, batch: Batch) -> Tensor:
        """What the output layer reads, [tokens, width]."""
        longest, most = int(batch.lengths.max()), self.decoder.shape.max_position_embeddings
        if longest > most:
            raise UserError(
                f"probing: a prompt has {longest} tokens and the model reads {most}; take a "
                "shorter system prompt or fewer `in_context` rows"
            )
        return self._packed(batch)

    def _packed(self, batch: Batch) -> Tensor:
        """Run a batch, or where the device runs out of memory its halves."""
        tokens = batch.tokens.to(self._device)
        try:
            return self.decoder.packed(
                tokens, batch.layout, dtype=self.dtype, steering=self.steering
            )
        except torch.OutOfMemoryError:
            pass
        # Not within the handler: the error holds the frames, and these the activations.
        MemoryLimit(len(batch.rows), least=1, of="rows").halve()
        return torch.cat([self._packed(half) for half in batch.halves()])

    @property
    def _device(self) -> torch.device:
        return self.decoder.device


def batches_of(rows: Sequence[Sequence[int]]) -> list[Batch]:
    """Group rows by length, so that little is padded."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    return [_batch(rows, chosen) for chosen in _groups(rows, order)]


def log_probabilities(logits: Tensor) -> Tensor:
    """Log-softmax of logits [rows, vocabulary].

    Raises:
        StageError: They are not numbers.
    """
    normaliser = logits.logsumexp(-1, keepdim=True)
    if not bool(normaliser.isfinite().all()):
        raise StageError("the model's logits are not finite numbers; its weights are damaged")
    return logits - normaliser


def _groups(rows: Sequence[Sequence[int]], order: Sequence[int]) -> Iterator[list[int]]:
    """Cut rows, in the given order, into groups that keep within the budget of tokens."""
    group: list[int] = []
    tokens = 0
    for index in order:
        if group and tokens + len(rows[index]) > _TOKENS:
            yield group
            group, tokens = [], 0
        group.append(index)
        tokens += len(rows[index])
    if group:
        yield group


def _batch(rows: Sequence[Sequence[int]], chosen: Sequence[int]) -> Batch:
    lengths = [len(rows[index]) for index in chosen]
    tokens = torch.tensor([token for index in chosen for token in rows[index]])
    return Batch(torch.tensor(chosen), tokens, torch.tensor(lengths), pack(lengths))
