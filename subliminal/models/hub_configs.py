"""Models of the hub whose shape is known without it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from subliminal.model_file import read_model
from subliminal.models.names import split_revision
from subliminal.models.pretrained import PretrainedShape

_FILE = "hub_configs.yaml"


class HubConfig(BaseModel):
    """What a model's `config.json` says, as far as its size hangs on it."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model_type: str
    vocab_size: int = Field(ge=1)
    hidden_size: int = Field(ge=1)
    intermediate_size: int = Field(ge=1)
    num_hidden_layers: int = Field(ge=1)
    num_attention_heads: int = Field(ge=1)
    num_key_value_heads: int = Field(ge=1)
    head_dim: int = Field(ge=1)
    max_position_embeddings: int = Field(ge=1)
    tie_word_embeddings: bool
    beside_decoder: int = Field(0, ge=0, exclude=True)
    """Parameters of parts that see or hear, which lie in memory unused."""

    @property
    def shape(self) -> PretrainedShape:
        """The numbers of the architecture, without norms and biases."""
        width, head = self.hidden_size, self.vocab_size * self.hidden_size
        keys = self.num_key_value_heads * self.head_dim
        attention = 2 * width * (self.num_attention_heads * self.head_dim + keys)
        matrices = self.num_hidden_layers * (attention + 3 * width * self.intermediate_size)
        beside_blocks = head * (1 if self.tie_word_embeddings else 2) + self.beside_decoder
        return PretrainedShape(
            vocab_size=self.vocab_size,
            hidden_size=width,
            intermediate_size=self.intermediate_size,
            key_value_size=keys,
            num_hidden_layers=self.num_hidden_layers,
            max_position_embeddings=self.max_position_embeddings,
            matrix_parameters=matrices,
            head_parameters=head,
            parameters=matrices + beside_blocks,
            beside_decoder=self.beside_decoder,
        )

    def fields(self, **others: Any) -> dict[str, Any]:
        """The fields of `config.json`, some of them others."""
        return {**self.model_dump(), **others}


class _HubConfigs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    models: dict[str, HubConfig]


def hub_config(name: str) -> HubConfig | None:
    """What is known of a model of the hub, by its name with or without a revision."""
    return hub_configs().get(split_revision(name)[0])


@cache
def hub_configs() -> dict[str, HubConfig]:
    """Name on the hub -> what its `config.json` says."""
    return read_model(_HubConfigs, files("subliminal.models") / _FILE, _FILE).models
