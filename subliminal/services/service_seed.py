"""Seeds as services take them."""

from __future__ import annotations

from subliminal.seeds import derive_seed

_BITS = 31
"""What every service takes: some keep seeds in 32 bits with a sign."""


def service_seed(seed: int, *names: str) -> int:
    """As :func:`subliminal.seeds.derive_seed`, in as many bits as any service takes."""
    return derive_seed(seed, *names) >> (63 - _BITS)
