"""Sampling by vLLM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from subliminal.errors import UserError
from subliminal.sampling.prompts import check_requests
from subliminal.sampling.protocol import Completion, Request, Sampling
from subliminal.vllm_engine.engine import EngineAnswer, EngineRequest, ModelFiles, VllmEngine

COLDEST = 0.01
"""A lower temperature vLLM takes for this one; 0 it takes for the likeliest token."""


@dataclass(frozen=True)
class VllmSampler:
    """A :class:`~subliminal.sampling.protocol.Sampler` that runs vLLM.

    Every row has a noise of its own, which follows from its seed and is the same for all models:
    vLLM's, not that of the other engines. A row depends on the rows beside it by rounding alone.
    """

    engine: VllmEngine
    model: ModelFiles
    logprobs: bool = False
    """Whether to return the log-probabilities of the tokens."""

    def sample(self, requests: Sequence[Request], settings: Sampling) -> Iterator[Completion]:
        """See :class:`~subliminal.sampling.protocol.Sampler`."""
        length = self.engine.settings.length(self.model.positions)
        check_requests(requests, positions=length, vocabulary=self.model.vocabulary)
        check_temperature(settings.temperature)
        shared = {
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "stop_token_ids": list(settings.end_tokens),
            "logprobs": 0 if self.logprobs else None,
        }
        stated = [
            EngineRequest(
                request.tokens.tolist(),
                {
                    "seed": request.seed & (2**63 - 1),
                    "max_tokens": min(settings.max_tokens, length - len(request.tokens)),
                },
            )
            for request in requests
        ]
        return map(_completion, self.engine.answer(self.model, shared, stated))


def check_temperature(temperature: float) -> None:
    """Refuse what vLLM would take for another temperature.

    Raises:
        UserError: It is too low.
    """
    if 0 < temperature < COLDEST:
        raise UserError(
            f"temperature: {temperature} is neither 0 nor at least {COLDEST}, the lowest that vLLM "
            "knows; choose 0 for the likeliest token, or state `inference.engine: torch`"
        )


def _completion(answer: EngineAnswer) -> Completion:
    known = None if answer.drawn is None else answer.drawn.values[:, 0].copy()
    return Completion(answer.place, answer.tokens, answer.stopped, known)
