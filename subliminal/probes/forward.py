"""Probes in PyTorch: rows of any lengths, packed, at the positions that are asked about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from subliminal.errors import StageError, UserError
from subliminal.memory_limit import MemoryLimit, Shortage
from subliminal.models.branches import (
    Branch,
    States,
    branches_of,
    can_branch,
    groups_of,
    read_branches,
)
from subliminal.models.language_model import LanguageModel
from subliminal.models.layout import Layout, pack
from subliminal.models.pretrained import Pretrained
from subliminal.models.steering import Steering
from subliminal.sampling import Sampler, sampler_of
from subliminal.top_logprobs import TopLogprobs

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
class TorchEngine:
    """An :class:`~subliminal.probes.engine.Engine`: a decoder, and how it is run in this process.

    Raises:
        UserError: The steering does not fit the decoder.
    """

    decoder: LanguageModel
    dtype: torch.dtype = torch.float32
    """Of matrix products."""
    steering: Steering | None = None
    shortage: Shortage = field(default_factory=Shortage)
    """Where its device ran out of memory."""

    def __post_init__(self) -> None:
        if self.steering is not None:
            self.steering.check(self.decoder.shape)

    @property
    def versions(self) -> Mapping[str, str]:
        """Nothing: it runs on the worker's own libraries."""
        return {}

    @property
    def counts(self) -> Mapping[str, float]:
        """How few rows it took at once, where its device ran out of memory."""
        return self.shortage.counts

    @property
    def positions(self) -> int:
        """The most tokens of a row."""
        return self.decoder.shape.max_position_embeddings

    @property
    def sampler(self) -> Sampler:
        """What draws the decoder's completions."""
        return sampler_of(self.decoder, self.dtype, self.steering, self.shortage)

    @torch.no_grad()
    def next_log_probabilities(
        self, prompts: Sequence[Sequence[int]], tokens: Sequence[int]
    ) -> Tensor:
        """See `Engine`."""
        found = torch.empty(len(prompts), len(tokens), dtype=torch.float64)
        for batch in batches_of(prompts):
            hidden = self._hidden(batch)[batch.ends.to(self._device)]
            found[batch.rows] = self._columns(hidden, tokens)
        return found

    @torch.no_grad()
    def log_likelihoods(self, rows: Sequence[Sequence[int]], starts: Sequence[int]) -> Tensor:
        """See `Engine`."""
        found = torch.zeros(len(rows), dtype=torch.float64)
        model, branches = self.decoder, branches_of(rows, starts)
        if branches is not None and isinstance(model, Pretrained) and can_branch(model.network):
            self._check_lengths(max(branch.length for branch in branches))
            for group in groups_of(branches, model, _TOKENS):
                places = torch.tensor([branch.row for branch in group])
                found[places] = self._branch_scores(model, group)
            return found
        for batch in batches_of(rows):
            where, hidden = self._foretelling(batch, starts)
            scores = self._token_scores(hidden, batch.tokens[where].to(self._device))
            found.index_add_(0, batch.rows.repeat_interleave(batch.lengths)[where], scores)
        return found

    @torch.no_grad()
    def top_logprobs(
        self, rows: Sequence[Sequence[int]], starts: Sequence[int], top: int
    ) -> TopLogprobs:
        """See `Engine`."""
        values, tokens = [torch.empty(0, top)] * len(rows), [torch.empty(0, top)] * len(rows)
        for batch in batches_of(rows):
            _, hidden = self._foretelling(batch, starts)
            places = batch.rows.tolist()
            counts = [len(rows[row]) - starts[row] for row in places]
            likeliest, which = self._likeliest(hidden, top)
            parts = zip(places, likeliest.split(counts), which.split(counts), strict=True)
            for row, values_of_row, tokens_of_row in parts:
                values[row], tokens[row] = values_of_row, tokens_of_row
        return TopLogprobs.of(torch.cat(tokens).numpy().astype(np.int32), torch.cat(values).numpy())

    def _branch_scores(self, model: Pretrained, group: Sequence[Branch]) -> Tensor:
        """Log-probabilities of what stands behind prompts, float64 [branches]; of halves, where
        the device runs out of memory."""
        try:
            states = read_branches(model, group, dtype=self.dtype, steering=self.steering)
            return self._scores_of(group, states)
        except torch.OutOfMemoryError:
            pass
        # Not within the handler: the error holds the frames, and these the activations.
        MemoryLimit(len(group), least=1, of="rows", shortage=self.shortage).halve()
        middle = len(group) // 2
        halves = group[:middle], group[middle:]
        return torch.cat([self._branch_scores(model, half) for half in halves])

    def _scores_of(self, group: Sequence[Branch], states: States) -> Tensor:
        firsts = [branch.rest[0] for branch in group]
        wanted = sorted(set(firsts))
        column = {token: number for number, token in enumerate(wanted)}
        known = self._columns(states.prompts, wanted)
        scores = known[states.owners.cpu(), torch.tensor([column[token] for token in firsts])]
        behind = torch.tensor([token for branch in group for token in branch.rest[1:]]).long()
        counts = torch.tensor([len(branch.rest) - 1 for branch in group])
        owners = torch.arange(len(group)).repeat_interleave(counts)
        return scores.index_add(
            0, owners, self._token_scores(states.rests, behind.to(self._device))
        )

    def _foretelling(self, batch: Batch, starts: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Which of a batch's tokens stand behind their row's start, and what foretells them."""
        first = torch.tensor(starts)[batch.rows].repeat_interleave(batch.lengths)
        where = (batch.places >= first).nonzero()[:, 0]
        return where, self._hidden(batch)[where.to(self._device) - 1]

    def _likeliest(self, hidden: Tensor, top: int) -> tuple[Tensor, Tensor]:
        """Log-probabilities and ids [n, top] of the likeliest tokens behind states [n, width]."""
        parts = [known.topk(top) for known in self._known(hidden)]
        return (
            torch.cat([part.values for part in parts]).cpu(),
            torch.cat([part.indices for part in parts]).cpu(),
        )

    def _columns(self, hidden: Tensor, tokens: Sequence[int]) -> Tensor:
        """Log-probabilities, float64 [n, tokens], of some tokens behind states [n, width]."""
        wanted = torch.tensor(list(tokens), device=self._device)
        # Chosen where they are: of a large vocabulary few leave the device.
        parts = [known.index_select(1, wanted) for known in self._known(hidden)]
        return torch.cat(parts).double().cpu()

    def _token_scores(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """Log-probabilities, float64 [n], of tokens [n] behind hidden states [n, width]."""
        wanted = tokens[:, None].split(self._states_at_once)
        pieces = zip(self._known(hidden), wanted, strict=True)
        return torch.cat([known.gather(1, those)[:, 0] for known, those in pieces]).double().cpu()

    def _known(self, hidden: Tensor) -> Iterator[Tensor]:
        """Log-probabilities [some, vocabulary] behind hidden states [n, width], some at a time."""
        for states in hidden.split(self._states_at_once):
            yield log_probabilities(self.decoder.logits(states))

    def _hidden(self, batch: Batch) -> Tensor:
        """What the output layer reads, [tokens, width]."""
        self._check_lengths(int(batch.lengths.max()))
        return self._packed(batch)

    def _check_lengths(self, longest: int) -> None:
        most = self.decoder.shape.max_position_embeddings
        if longest > most:
            raise UserError(
                f"probing: a prompt has {longest} tokens and the model reads {most}; take a "
                "shorter system prompt or fewer `in_context` rows"
            )

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
        MemoryLimit(len(batch.rows), least=1, of="rows", shortage=self.shortage).halve()
        return torch.cat([self._packed(half) for half in batch.halves()])

    @property
    def _states_at_once(self) -> int:
        return max(1, _LOGITS // self.decoder.shape.vocab_size)

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
