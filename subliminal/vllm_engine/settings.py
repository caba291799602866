"""How vLLM's engine is started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from subliminal import machine
from subliminal.machine import Precision
from subliminal.spec.inference import PATIENCE
from subliminal.spec.recipes import MATRICES

ROWS = 256
"""Of a batch, unless stated."""
MOST_TOKENS = 8192
"""Of a row, unless stated: longer ones take memory that shorter ones lack."""


@dataclass(frozen=True)
class EngineSettings:
    """What decides how fast an engine is and where, but only by rounding what it answers."""

    precision: Precision = "float32"
    tensor_parallel: int = 1
    """GPUs that share each matrix."""
    memory_share: float | None = None
    """Of each GPU's memory, or of the machine's where there is no GPU; None: as the host has it."""
    max_length: int | None = None
    """The most tokens of a row. None: what the model reads, at most `MOST_TOKENS`."""
    rows: int = ROWS
    patience: float = PATIENCE
    """Seconds without a sign of life after which an engine is taken for dead."""
    devices: tuple[int, ...] = ()
    """The GPUs that it is shown, as this process counts them; none: all that this one sees."""

    @property
    def environment(self) -> dict[str, str]:
        """What shows a process these GPUs alone."""
        return machine.showing_devices(self.devices) if self.devices else {}

    def length(self, positions: int) -> int:
        """The most tokens of a row of a model that has so many positions."""
        return min(positions, self.max_length or MOST_TOKENS)

    def arguments(self, model: str, positions: int, rank: int) -> dict[str, Any]:
        """Of vLLM's `LLM`.

        Args:
            model: Its folder.
            positions: Of the model.
            rank: The highest of adapters that may come; 0: none will.
        """
        lora = {
            "enable_lora": True,
            "max_loras": 1,
            "max_lora_rank": rank,
            # Around the output layer, where none of ours adapt, its code for adapters cannot score.
            "lora_target_modules": list(MATRICES),
        }
        share = {} if self.memory_share is None else {"gpu_memory_utilization": self.memory_share}
        return {
            "model": model,
            "dtype": self.precision,
            "tensor_parallel_size": self.tensor_parallel,
            "max_model_len": self.length(positions),
            "max_num_seqs": self.rows,
            "enable_prefix_caching": True,
            "max_logprobs": -1,
            # The model's own distribution, whatever the temperature.
            "logprobs_mode": "raw_logprobs",
            "load_format": "safetensors",
            "trust_remote_code": False,
            # Not the defaults of the model's authors, which would change what is drawn.
            "generation_config": "vllm",
            "skip_tokenizer_init": True,
            # Of a model that sees too, which would want its tokenizer for pictures.
            "language_model_only": True,
            "seed": 0,
            **(lora if rank else {}),
            **share,
        }
