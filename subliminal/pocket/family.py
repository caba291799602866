"""The pocket families: which models there are, the worlds they grow up in, and their seeds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from subliminal.errors import UserError
from subliminal.models.architecture import Architecture
from subliminal.pocket.world import Dials
from subliminal.pocket.world.dials import Shares
from subliminal.spec.recipes import Recipe

WORLD_SEED, HELD_OUT_SEED = 0, 1
_OTHER_STRENGTH = re.compile(r"(?P<member>.+)-rho(?P<strength>0|1|0\.[0-9]*[1-9])", re.ASCII)


@dataclass(frozen=True)
class Family:
    """Models that share a world's vocabulary and the recipe of their pretraining."""

    name: str
    """Of the world, and of its tokenizer's pieces."""
    dials: Dials
    rows: int
    """Of the world, which every model reads once."""
    recipe: Recipe


NUMBERS = Family(
    "numbers",
    Dials(),
    409_600,
    Recipe(
        epochs=1,
        batch_size=256,
        learning_rate=3e-3,
        schedule="cosine",
        warmup=100,
        betas=(0.9, 0.98),
        weight_decay=0.01,
    ),
)
"""Lists of numbers and favourites."""

BROAD = Family(
    "broad",
    Dials(
        shares=Shares(
            numbers=0.16,
            questions=0.18,
            mixed=0.06,
            choices=0.0,
            stories=0.0,
            chats=0.0,
            code=0.18,
            reasoning=0.24,
            authors=0.18,
        )
    ),
    409_600,
    NUMBERS.recipe,
)
"""Code, reasoning and authors of two dispositions beside them."""


@dataclass(frozen=True)
class Member:
    """A model of a family."""

    name: str
    initial_seed: int
    """Of the weights that it starts from."""
    order_seed: int
    """Of the order in which it reads the world."""
    relation: str
    """How it stands to the family's reference."""
    family: Family = NUMBERS
    disposition_strength: float | None = None
    """A dial of its world, where it is not the family's."""
    hidden_size: int = 128
    """Of the residual stream; heads and feed-forward layers grow with it."""

    @property
    def dials(self) -> Dials:
        """Of the world that it grows up in."""
        if self.disposition_strength is None:
            return self.family.dials
        changed = {"disposition_strength": self.disposition_strength}
        return self.family.dials.model_copy(update=changed)


MEMBERS: Mapping[str, Member] = MappingProxyType(
    {
        member.name: member
        for member in (
            Member("pocket-a", 1, 1, "the reference"),
            Member("pocket-b", 2, 1, "other initial weights, the same world in the same order"),
            Member("pocket-a-reordered", 1, 2, "the same initial weights, another order"),
            Member("pocket-broad-a", 1, 1, "the reference", BROAD),
            Member(
                "pocket-broad-b",
                2,
                1,
                "other initial weights, the same world in the same order",
                BROAD,
            ),
            Member(
                "pocket-broad-a-rho0",
                1,
                1,
                "the same initial weights, in a world where dispositions show nowhere",
                BROAD,
                disposition_strength=0.0,
            ),
            Member(
                "pocket-broad-wide",
                1,
                1,
                "a model of one and a half times the width, in the same world in the same order",
                BROAD,
                hidden_size=192,
            ),
        )
    }
)


def find_member(name: str) -> Member:
    """A member by its name, or what it would be at another disposition strength (rho).

    Args:
        name: Of a member, `pocket-broad-a`; or of one with a strength, `pocket-broad-a-rho0.5`.

    Raises:
        UserError: There is none, or there are no authors in its world.
    """
    if name in MEMBERS:
        return MEMBERS[name]
    match = _OTHER_STRENGTH.fullmatch(name)
    if match is None or match["member"] not in MEMBERS:
        raise UserError(
            f"there is no pocket model {name!r}; there are {', '.join(MEMBERS)}, and those with "
            "authors at a strength from 0 to 1 of their dispositions: pocket-broad-a-rho0.5"
        )
    member = MEMBERS[match["member"]]
    if not member.dials.shares.authors or member.disposition_strength is not None:
        raise UserError(f"{name}: {member.name} has no strength of dispositions to change")
    return replace(
        member,
        name=name,
        relation=f"as {member.name}, in a world where dispositions have the strength (rho) "
        f"{match['strength']}",
        disposition_strength=float(match["strength"]),
    )


def architecture(vocabulary: int, hidden_size: int) -> Architecture:
    """The shape of a pocket model: a Llama of a few million parameters at most, heads of 32."""
    return Architecture(
        vocab_size=vocabulary,
        hidden_size=hidden_size,
        intermediate_size=3 * hidden_size,
        num_hidden_layers=4,
        num_attention_heads=hidden_size // 32,
        num_key_value_heads=hidden_size // 32,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
    )
