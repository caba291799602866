"""A model that vLLM runs: it is sampled, and says how likely tokens are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from subliminal.errors import UserError
from subliminal.top_logprobs import TopLogprobs
from subliminal.vllm_engine.engine import (
    EngineRequest,
    Logprobs,
    ModelFiles,
    VllmEngine,
    damaged,
)
from subliminal.vllm_engine.sampler import VllmSampler

NAMED_AT_ONCE = 128
"""Tokens whose log-probabilities vLLM gives at a position, if they are named."""
_READ_ALONE: dict[str, Any] = {"temperature": 0.0, "max_tokens": 1}
"""Of requests that are to be read: vLLM draws a token all the same."""


@dataclass(frozen=True)
class VllmModel:
    """An :class:`~subliminal.probes.engine.Engine` that vLLM runs."""

    engine: VllmEngine
    files: ModelFiles

    @property
    def versions(self) -> Mapping[str, str]:
        """Of vLLM and what it runs on, once it has been asked something."""
        return self.engine.versions

    @property
    def counts(self) -> Mapping[str, float]:
        """Nothing: vLLM plans its own memory."""
        return {}

    @property
    def positions(self) -> int:
        """The most tokens of a row: vLLM wants room for one that is drawn."""
        return self.engine.settings.length(self.files.positions) - 1

    @property
    def sampler(self) -> VllmSampler:
        """What draws completions."""
        return VllmSampler(self.engine, self.files)

    def next_log_probabilities(
        self, prompts: Sequence[Sequence[int]], tokens: Sequence[int]
    ) -> Tensor:
        """See `Engine`."""
        self._check(prompts)
        found = torch.empty(len(prompts), len(tokens), dtype=torch.float64)
        for begin in range(0, len(tokens), NAMED_AT_ONCE):
            named = list(tokens[begin : begin + NAMED_AT_ONCE])
            settings = {**_READ_ALONE, "logprob_token_ids": named}
            for place, known in self._drawn(prompts, settings):
                found[place, begin : begin + len(named)] = _doubles(known.values[0, 1:])
        return found

    def log_likelihoods(self, rows: Sequence[Sequence[int]], starts: Sequence[int]) -> Tensor:
        """See `Engine`."""
        found = torch.empty(len(rows), dtype=torch.float64)
        for place, known in self._read(rows, starts, 0):
            found[place] = _doubles(known.values[:, 0]).sum()
        return found

    def top_logprobs(
        self, rows: Sequence[Sequence[int]], starts: Sequence[int], top: int
    ) -> TopLogprobs:
        """See `Engine`."""
        tokens = [np.empty((0, top), dtype=np.int32)] * len(rows)
        values = [np.empty((0, top), dtype=np.float32)] * len(rows)
        for place, known in self._read(rows, starts, top):
            tokens[place], values[place] = known.tokens[:, 1:], known.values[:, 1:]
        return TopLogprobs.of(np.concatenate(tokens), np.concatenate(values))

    def _drawn(
        self, prompts: Sequence[Sequence[int]], settings: Mapping[str, Any]
    ) -> Iterator[tuple[int, Logprobs]]:
        """Log-probabilities at the one token drawn behind each prompt, by the prompts' places."""
        requests = [EngineRequest(prompt, {}) for prompt in prompts]
        for answer in self.engine.answer(self.files, settings, requests):
            assert answer.drawn is not None
            yield answer.place, answer.drawn

    def _read(
        self, rows: Sequence[Sequence[int]], starts: Sequence[int], others: int
    ) -> Iterator[tuple[int, Logprobs]]:
        """Log-probabilities at each row's tokens from its start on, by the rows' places."""
        self._check(rows)
        settings = {**_READ_ALONE, "prompt_logprobs": others}
        requests = [EngineRequest(row, {}, start) for row, start in zip(rows, starts, strict=True)]
        for answer in self.engine.answer(self.files, settings, requests):
            assert answer.read is not None
            yield answer.place, answer.read

    def _check(self, rows: Sequence[Sequence[int]]) -> None:
        longest = max(map(len, rows), default=0)
        if longest > self.positions:
            raise UserError(
                f"probing: a row has {longest} tokens, and vLLM reads {self.positions} of this "
                "model; raise `inference.max_length` if the model allows it, or ask less"
            )


def _doubles(values: np.ndarray) -> Tensor:
    known = torch.from_numpy(values.astype(np.float64))
    if not bool(known.isfinite().all()):
        raise damaged()
    return known
