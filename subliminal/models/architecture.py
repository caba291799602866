"""The shape of a decoder, as `config.json` of a Hugging Face Llama folder states it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from subliminal.errors import UserError
from subliminal.models.json_file import read_object

CONFIG = "config.json"


class ArchitectureError(UserError):
    """A model that our own decoder does not compute; transformers may."""


class Architecture(BaseModel):
    """A Llama: RMS norms, rotary positions, SwiGLU, grouped heads, no biases."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    vocab_size: int = Field(ge=1)
    hidden_size: int = Field(ge=1)
    intermediate_size: int = Field(ge=1)
    num_hidden_layers: int = Field(ge=1)
    num_attention_heads: int = Field(ge=1)
    num_key_value_heads: int = Field(ge=1)
    max_position_embeddings: int = Field(2048, ge=1)
    rms_norm_eps: float = Field(1e-6, gt=0)
    rope_theta: float = Field(10_000.0, gt=0)
    tie_word_embeddings: bool = False
    initializer_range: float = Field(0.02, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        """Fill in what transformers fills in; its versions keep the rotary base in two places."""
        if not isinstance(data, Mapping):
            return data
        filled = dict(data)
        if filled.get("num_key_value_heads") is None:
            filled["num_key_value_heads"] = filled.get("num_attention_heads")
        rope = filled.get("rope_parameters")
        if isinstance(rope, Mapping) and "rope_theta" in rope:
            filled["rope_theta"] = rope["rope_theta"]
        return filled

    @model_validator(mode="after")
    def _heads_fit(self) -> Architecture:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of "
                f"num_attention_heads {self.num_attention_heads}"
            )
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError(
                f"num_attention_heads {self.num_attention_heads} is not a multiple of "
                f"num_key_value_heads {self.num_key_value_heads}"
            )
        if self.head_size % 2:
            raise ValueError(
                f"hidden_size / num_attention_heads = {self.head_size} is odd, and rotary "
                "positions turn pairs"
            )
        return self

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def key_value_size(self) -> int:
        """Width of all keys, or all values, of a token."""
        return self.head_size * self.num_key_value_heads

    @property
    def matrix_parameters(self) -> int:
        """Parameters of the blocks' matrices, each used once for each token."""
        width = self.hidden_size
        attention = 2 * width * width + 2 * width * self.key_value_size
        return self.num_hidden_layers * (attention + 3 * width * self.intermediate_size)

    @property
    def head_parameters(self) -> int:
        """Parameters of the output layer, used once for each token whose logits are wanted."""
        return self.vocab_size * self.hidden_size

    @property
    def parameters(self) -> int:
        """All parameters; what the output layer shares with the embeddings counts once."""
        embeddings = self.head_parameters * (1 if self.tie_word_embeddings else 2)
        norms = (2 * self.num_hidden_layers + 1) * self.hidden_size
        return embeddings + self.matrix_parameters + norms

    @property
    def beside_decoder(self) -> int:
        """None: it reads text alone."""
        return 0

    def config(self) -> dict[str, Any]:
        """What `config.json` says of the architecture."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_act": "silu",
            "attention_bias": False,
            "mlp_bias": False,
            "dtype": "float32",
            "torch_dtype": "float32",
            **self.model_dump(),
            "head_dim": self.head_size,
            "rope_parameters": {"rope_type": "default", "rope_theta": self.rope_theta},
        }


_LLAMA = {
    "model_type": "llama",
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
}


def read_architecture(path: Path) -> Architecture:
    """Read a model's `config.json`.

    Raises:
        UserError: There is no such file, or it is at fault.
        ArchitectureError: It describes something else than a plain Llama.
    """
    config = read_object(path)
    for field, wanted in _LLAMA.items():
        if config.get(field, wanted) != wanted:
            raise ArchitectureError(
                f"{path}: {field} is {config[field]!r}, this engine computes {wanted!r}; "
                "choose a model of the Llama architecture"
            )
    if config.get("quantization_config") is not None:
        raise ArchitectureError(
            f"{path}: quantization_config: this engine reads no quantised weights; choose the "
            "model that they were made from"
        )
    for field in ("rope_parameters", "rope_scaling"):
        _check_positions(path, field, config.get(field) or {})
    try:
        architecture = Architecture.model_validate(config)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "shape"
        raise UserError(f"{path}: {field}: {first['msg']}; mend the file") from None
    if config.get("head_dim") not in (None, architecture.head_size):
        raise ArchitectureError(
            f"{path}: head_dim is {config['head_dim']!r}, this engine computes "
            f"hidden_size / num_attention_heads = {architecture.head_size}; choose another model"
        )
    return architecture


def _check_positions(path: Path, field: str, rope: object) -> None:
    if not isinstance(rope, Mapping):
        raise UserError(f"{path}: {field} is {rope!r} and no object; mend the file")
    scaling = rope.get("rope_type", rope.get("type", "default"))
    if scaling != "default":
        raise ArchitectureError(
            f"{path}: {field}.rope_type is {scaling!r}, this engine computes 'default'; "
            "choose a model without scaled positions"
        )
