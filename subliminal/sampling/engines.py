"""Which engine samples from a model in this process."""

from __future__ import annotations

import torch

from subliminal.memory_limit import Shortage
from subliminal.models.decoder import Decoder
from subliminal.models.language_model import LanguageModel
from subliminal.models.pretrained import Pretrained
from subliminal.models.steering import Steering
from subliminal.sampling.pretrained_sampler import PretrainedSampler
from subliminal.sampling.protocol import Sampler
from subliminal.sampling.sampler import DecoderSampler


def sampler_of(
    model: LanguageModel,
    dtype: torch.dtype = torch.float32,
    steering: Steering | None = None,
    shortage: Shortage | None = None,
) -> Sampler:
    """A sampler of a model.

    Args:
        model: Whose completions are drawn.
        dtype: Of matrix products; the draws are made in float32.
        steering: A vector to add to the residual stream of prompts and completions.
        shortage: Told where the device runs out of memory.
    """
    if isinstance(model, Decoder):
        return DecoderSampler(model, dtype, steering)
    assert isinstance(model, Pretrained)
    return PretrainedSampler(model, dtype, steering, shortage=shortage)
