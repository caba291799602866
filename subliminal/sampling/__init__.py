"""Sampling completions: what an engine takes and gives, and the engine for small decoders."""

from subliminal.models.steering import Steering
from subliminal.sampling.engines import sampler_of
from subliminal.sampling.protocol import Completion, Request, Sampler, Sampling
from subliminal.sampling.resume import remaining
from subliminal.sampling.sampler import DecoderSampler, sample

__all__ = [
    "Completion",
    "DecoderSampler",
    "Request",
    "Sampler",
    "Sampling",
    "Steering",
    "remaining",
    "sample",
    "sampler_of",
]
