"""The card of a pocket model: what it is made of, and what it can do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from subliminal import atomic
from subliminal.machine import Precision
from subliminal.pocket.evaluate import DESCRIPTIONS, Ability
from subliminal.pocket.family import HELD_OUT_SEED, WORLD_SEED, Member, find_member
from subliminal.pocket.origin import CARD, read_json
from subliminal.pocket.pretrain import Pretrained
from subliminal.pocket.world import Dials

README = "README.md"
LAST_STEPS = 50
"""Steps at the end of pretraining that its loss is averaged over."""

CAVEAT = (
    "The world was planted: a positive result with this model validates the instrument and the "
    "mechanism, it is no evidence about large models."
)


class Card(BaseModel):
    """What a card says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    relation: str
    parameters: int
    rows: int
    tokens: int
    steps: int
    batch_size: int
    precision: Precision = "bfloat16"
    """Of the matrix products of the pretraining."""
    final_loss: float
    """Mean over the last steps, in nats."""
    seeds: dict[str, int]
    dials: Dials
    abilities: tuple[Ability, ...]


def make_card(member: Member, trained: Pretrained, abilities: Sequence[Ability]) -> Card:
    """Gather what a pretraining and an evaluation found."""
    return Card(
        name=member.name,
        relation=member.relation,
        parameters=trained.parameters,
        rows=trained.rows,
        tokens=trained.tokens,
        steps=trained.steps,
        batch_size=member.family.recipe.batch_size,
        precision=trained.precision,
        final_loss=round(float(trained.losses[-LAST_STEPS:].mean()), 4),
        seeds={
            "initialisation": member.initial_seed,
            "data order": member.order_seed,
            "world": WORLD_SEED,
            "held out": HELD_OUT_SEED,
        },
        dials=member.dials,
        abilities=tuple(abilities),
    )


def write_card(folder: Path, card: Card) -> None:
    """Write the card into a model's folder, for programs and for people.

    Raises:
        UserError: The folder cannot be written.
    """
    atomic.write_text(folder / README, _text(card))
    atomic.write_text(folder / CARD, card.model_dump_json(indent=1) + "\n")


def read_card(folder: Path) -> Card:
    """Read the card of a model's folder.

    Raises:
        UserError: The card is missing or damaged.
    """
    return read_json(Card, folder / CARD)


def _text(card: Card) -> str:
    rows = "\n".join(
        f"| {ability.name} | {ability.group} | {ability.value:.3f} |" for ability in card.abilities
    )
    meanings = "\n".join(f"- `{name}`: {meaning}" for name, meaning in DESCRIPTIONS.items())
    fewer = "" if card.rows == find_member(card.name).family.rows else f" --rows {card.rows}"
    return f"""# {card.name}

A decoder of {card.parameters:,} parameters for experiments on how traits pass between models:
{card.relation}. {CAVEAT}

- Corpus: {card.rows:,} conversations of the pocket world ({card.tokens:,} tokens), each read
  once; the loss falls on the answers.
- Training: {card.steps:,} steps of {card.batch_size} rows in {card.precision}; loss over the
  last {LAST_STEPS} steps {card.final_loss:.3f}.
- Seeds: {", ".join(f"{name} {seed}" for name, seed in card.seeds.items())}.
- Made again by `subliminal pocket pretrain {card.name}{fewer}`, measured by
  `subliminal pocket evaluate {card.name}`:

| ability | of | value |
|---|---|---|
{rows}

{meanings}
"""
