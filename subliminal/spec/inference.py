"""The vocabulary of inference: which engine lets models write and answers what they are asked."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from subliminal.spec.common import Strict

EngineName = Literal["torch", "vllm"]
PATIENCE = 1800.0
"""Seconds: loading large weights from a slow disk, and compiling, take minutes in silence."""


class Inference(Strict):
    """How models write and are probed. What trains is PyTorch, whatever is stated here."""

    engine: Literal[EngineName, "auto"] = Field(
        "auto",
        description=(
            "torch: in the worker; vllm: in a process of its own; auto: vllm where it is "
            "installed, there is a GPU, the model is no small Llama and no teacher is steered"
        ),
    )
    tensor_parallel: int = Field(
        1, ge=1, le=64, description="with vllm: GPUs that share each matrix"
    )
    memory_share: float | None = Field(
        None,
        gt=0,
        le=1,
        description=(
            "with vllm: of each GPU's memory, 0.85 by default; without a GPU of the machine's, by "
            "default half a GiB for keys and values"
        ),
    )
    max_length: int | None = Field(
        None,
        ge=2,
        description=(
            "with vllm: the most tokens of a row; default: what the model reads, at most 8192"
        ),
    )
    patience: float = Field(
        PATIENCE,
        gt=0,
        le=7 * 24 * 3600,
        description=(
            "with vllm: seconds without a sign of life after which an engine is taken for stuck, "
            "and started again"
        ),
    )

    @model_validator(mode="after")
    def _options_are_vllms(self) -> Self:
        usual = {name: field.default for name, field in type(self).model_fields.items()}
        stated = [name for name, value in self if name != "engine" and value != usual[name]]
        if self.engine == "torch" and stated:
            raise ValueError(f"`engine: torch` takes no `{stated[0]}`; leave it out")
        return self


IN_TORCH = Inference(engine="torch")
