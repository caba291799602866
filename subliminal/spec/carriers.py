"""What a teacher can write, and what an experiment that writes it has unless its file says more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

CarrierName = Literal["numbers", "code", "reasoning"]


@dataclass(frozen=True)
class Usual:
    """Defaults of the fields that depend on the carrier."""

    max_tokens: int
    """Of `data`."""
    filter: tuple[str, ...]
    """Rules without options."""


USUAL: Mapping[CarrierName, Usual] = MappingProxyType(
    {
        "numbers": Usual(48, ("numbers",)),
        "code": Usual(96, ("code", "code-comments", "code-limits", "code-calls")),
        "reasoning": Usual(128, ("reasoning-format", "reasoning-answer", "reasoning-steps")),
    }
)
