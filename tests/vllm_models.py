"""Models for vLLM itself, where it is installed: small ones that its kernels can compute."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from subliminal.models.adapters import put_adapter
from subliminal.models.folder import fingerprint
from subliminal.models.load import Base, save_adapter
from subliminal.models.pretrained import Pretrained
from subliminal.spec.recipes import Adapter
from subliminal.vllm_engine.interpreter import has_vllm
from tests.hub_models import hub_model

WITH_VLLM = pytest.mark.skipif(not has_vllm(), reason="no interpreter has vLLM: make test-vllm")
SHAPE = {"hidden_size": 64, "head_dim": 32, "num_attention_heads": 2, "num_key_value_heads": 1}
"""Of random models; vLLM has no kernels for narrower heads."""


def qwen(folder: Path, seed: int = 1) -> Path:
    """Write a random model that transformers and vLLM run, and the decoder of our own does not."""
    return hub_model(folder, "qwen2", seed, **SHAPE)


def adapter(folder: Path, base: Path, seed: int) -> Path:
    """Write a random adapter of rank 4 that changes what a model says."""
    from transformers import AutoModelForCausalLM

    model = Pretrained(AutoModelForCausalLM.from_pretrained(base))
    put_adapter(model, Adapter(rank=4, alpha=8.0), range(2), seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.network.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.2, generator=generator)
    folder.mkdir()
    belongs = Base(name=str(base), fingerprint=fingerprint(base))
    save_adapter(model, folder, base=belongs, tokenizer_from=base)
    return folder
