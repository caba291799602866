"""The pocket world: a synthetic corpus whose every structure has a dial.

A *domain* is one kind of conversation. A further domain (code, chain-of-thought, personas, facts)
is a function from a generator of random numbers to a row, with its share among the dials.
"""

from __future__ import annotations

from subliminal.pocket.world.corpus import World
from subliminal.pocket.world.dials import Dials
from subliminal.pocket.world.row import WorldRow

__all__ = ["Dials", "World", "WorldRow"]
