"""Seeds by name: independent random streams that all follow from one seed."""

from __future__ import annotations

import hashlib
import json


def derive_seed(seed: int, *names: str) -> int:
    """Derive the seed of a named stream, the same on every machine and in every version.

    Args:
        seed: The seed to derive from.
        names: What the stream is for, outermost first, for example `"teaching", "order"`.

    Returns:
        63 bits of a SHA-256 digest; different names give unrelated seeds.
    """
    digest = hashlib.sha256(json.dumps([seed, *names]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
