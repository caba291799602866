"""The corpus of the world: row i of a seed is a pure function of the two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random

from subliminal.pocket.world.dials import Dials
from subliminal.pocket.world.domains import DOMAINS
from subliminal.pocket.world.draw import Draw
from subliminal.pocket.world.row import WorldRow
from subliminal.seeds import derive_seed


@dataclass(frozen=True)
class World:
    """Rows of the world; the held-out ones are those of another seed."""

    seed: int
    dials: Dials = field(default_factory=Dials)

    def row(self, index: int) -> WorldRow:
        """The row at a place."""
        random = Random(derive_seed(self.seed, "world", str(index)))
        shares = self.dials.shares.model_dump()
        domain = random.choices(list(shares), list(shares.values()))[0]
        draw = Draw(random, self.dials, derive_seed(self.seed, "world prompts"))
        messages, completion = DOMAINS[domain](draw)
        return WorldRow(domain, messages, completion)

    def rows(self, indices: Iterable[int]) -> Iterator[WorldRow]:
        """The rows at some places."""
        return map(self.row, indices)
