"""Where an OpenAI-compatible service is, and on which terms it may be used."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from subliminal.errors import UserError
from subliminal.model_file import read_model, read_section

NO_KEY = "none"
"""What is sent as the key to services that want none; the client insists on one."""
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


class _Terms(BaseModel):
    # What was written may be a key in the wrong place: no message of pydantic's may show it.
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )
    added: ClassVar[frozenset[str]] = frozenset()
    """Fields that are left out of what is written where they are at their defaults: an endpoint is
    part of a filter's fingerprint, which a field that says nothing must not change."""

    @model_serializer(mode="wrap")
    def _as_before(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        defaults = {name: type(self).model_fields[name].default for name in self.added}
        written: dict[str, Any] = write(self)
        return {n: v for n, v in written.items() if n not in defaults or v != defaults[n]}


class Prices(_Terms):
    """What a service charges, in any currency, for a million tokens."""

    added = frozenset({"training", "batch_share"})

    prompt: float = Field(ge=0, description="for tokens that are read")
    completion: float = Field(ge=0, description="for tokens that are written")
    training: float | None = Field(
        None, ge=0, description="for tokens that are trained on, in each epoch anew"
    )
    batch_share: float = Field(
        1.0, gt=0, le=1, description="what batches cost, as a share of `prompt` and `completion`"
    )

    def of_batches(self) -> Prices:
        """What the same tokens cost in a batch."""
        share = self.batch_share
        discounted = {"prompt": self.prompt * share, "completion": self.completion * share}
        return self.model_copy(update={**discounted, "batch_share": 1.0})


class Endpoint(_Terms):
    """An OpenAI-compatible service. It names the variable of the key, never the key."""

    added = frozenset(
        {"seeds", "length_field", "requests_per_minute", "tokens_per_minute", "batches"}
    )

    model: str = Field(min_length=1, description="the model's name at the service")
    base_url: str = Field(description="up to the version, such as http://127.0.0.1:8000/v1")
    api_key_env: str | None = Field(
        None, description="name of the environment variable that holds the key; none: no key"
    )
    logprobs: bool = Field(
        True, description="ask for log-probabilities; false where the service refuses them"
    )
    seeds: bool = Field(
        True, description="send the seeds of samples; false where the service refuses them"
    )
    length_field: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="what the service calls the most tokens of an answer"
    )
    concurrency: int = Field(8, ge=1, le=1024, description="requests under way at once")
    max_retries: int = Field(
        6, ge=0, le=100, description="for 408, 409, 429, 5xx, timeouts and lost connections"
    )
    timeout: float = Field(60.0, gt=0, description="seconds until a request is given up")
    requests_per_minute: int | None = Field(
        None, ge=1, description="requests that are begun within a minute, not counting retries"
    )
    tokens_per_minute: int | None = Field(
        None, ge=1, description="tokens they may take, by estimate: prompt and longest answer"
    )
    batches: bool = Field(
        False,
        description="ask by the batch API what an experiment's teachers and probes ask: cheaper",
    )
    prices: Prices | None = Field(None, description="for a million tokens, in any currency")
    spending_cap: float | None = Field(
        None,
        gt=0,
        description=(
            "what a filter may spend on a data set, a probe on a model, a batch or a fine-tuning "
            "job, in the currency of `prices`"
        ),
    )

    @field_validator("api_key_env")
    @classmethod
    def _is_a_name(cls, name: str | None) -> str | None:
        if name is not None and not _VARIABLE.fullmatch(name):
            raise ValueError(
                "must be the name of an environment variable in capitals, such as "
                "OPENAI_API_KEY, not the key itself"
            )
        return name

    @field_validator("base_url")
    @classmethod
    def _is_a_plain_url(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            secret = bool(parts.username or parts.password or parts.query or parts.fragment)
            plain = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            secret, plain = False, False
        if secret or not plain:
            raise ValueError(
                "must be http://HOST/... or https://HOST/..., without name, password or query"
            )
        return url.rstrip("/")

    @model_validator(mode="after")
    def _cap_has_prices(self) -> Self:
        if self.spending_cap is not None and self.prices is None:
            raise ValueError("a spending_cap needs `prices`; add prompt and completion prices")
        return self

    def key(self, environ: Mapping[str, str] = os.environ) -> str:
        """The key.

        Raises:
            UserError: Its variable is not set, or holds no key.
        """
        if self.api_key_env is None:
            return NO_KEY
        key = environ.get(self.api_key_env, "").strip()
        if not key:
            raise UserError(
                f"the environment variable {self.api_key_env} is not set; put the key of "
                f"{self.base_url} there, or name another one as `api_key_env`"
            )
        if not (key.isascii() and key.isprintable()):
            raise UserError(
                f"the environment variable {self.api_key_env} holds characters that no key has; "
                f"put the key of {self.base_url} there as it was issued"
            )
        return key


def read_endpoint(service: str | Mapping[str, Any]) -> Endpoint:
    """An endpoint as an experiment states it: its fields, or a file of them.

    Raises:
        UserError: No such file, or a fault in it or in the fields.
    """
    if isinstance(service, str):
        return load_endpoint(service)
    return read_section(Endpoint, service, "service")


def load_endpoint(name: str, folder: Path = Path()) -> Endpoint:
    """Read an endpoint from a YAML file.

    Args:
        name: Path of the file.
        folder: What a relative path starts from.

    Raises:
        UserError: No such file, or a fault in it.
    """
    return read_model(Endpoint, folder / name, name)
