"""Pretraining: a pocket model grows up in the world, from its seeds alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from subliminal.machine import Precision
from subliminal.models.chat_format import ChatFormat
from subliminal.models.decoder import Decoder
from subliminal.models.folder import save_decoder
from subliminal.pocket.family import WORLD_SEED, Family, Member, architecture
from subliminal.pocket.tokenizer import pocket_tokenizer, save_tokenizer, shipped_pieces
from subliminal.pocket.world import Dials, World
from subliminal.seeds import derive_seed
from subliminal.spec.recipes import Recipe
from subliminal.stage import Reporter
from subliminal.training.encoding import encode
from subliminal.training.loop import train
from subliminal.training.losses import completion_loss
from subliminal.training.rows import TokenRows, concatenate
from subliminal.training.sources import DataSet

CHUNK = 8000
"""Rows that are tokenised at a time."""


@dataclass(frozen=True)
class Pretrained:
    """What a model card says of a pretraining.

    Attributes:
        parameters: Of the model.
        steps: Taken.
        rows: Of the corpus.
        tokens: Read, prompts included.
        losses: float32 [steps], the mean loss of each step in nats.
        precision: Of the matrix products.
    """

    parameters: int
    steps: int
    rows: int
    tokens: int
    losses: NDArray[np.float32]
    precision: Precision


def corpus(
    chat: ChatFormat,
    rows: int,
    report: Reporter,
    dials: Dials,
    *,
    seed: int = WORLD_SEED,
) -> TokenRows:
    """The first rows of a world, as tokens.

    Args:
        chat: Of the family.
        rows: How many.
        report: Told of progress in rows.
        dials: Of the world.
        seed: Of the world.
    """
    world = World(seed, dials)
    parts = []
    for start in range(0, rows, CHUNK):
        report(start, rows)
        drawn = list(world.rows(range(start, min(start + CHUNK, rows))))
        parts.append(encode(chat, [r.messages for r in drawn], [r.completion for r in drawn]))
    report(rows, rows)
    return concatenate(parts)


def prepare_folder(folder: Path, family: Family) -> ChatFormat:
    """Write the family's tokenizer into a folder and read it back.

    Raises:
        UserError: The folder cannot be written.
    """
    save_tokenizer(pocket_tokenizer(shipped_pieces(family.name)), folder)
    return ChatFormat.read(folder)


def pretrain(
    member: Member,
    folder: Path,
    data: TokenRows,
    *,
    report: Reporter,
    checkpoint: Path,
    recipe: Recipe | None = None,
    precision: Precision = "bfloat16",
) -> Pretrained:
    """Train a model of the family and write it.

    Args:
        member: Which one.
        folder: Holds the tokenizer (:func:`prepare_folder`); gets the model.
        data: From :func:`corpus`.
        report: Told of progress in steps.
        checkpoint: File for progress; a training that was stopped goes on from there.
        recipe: Of the training; default: the family's.
        precision: Of matrix products.

    Raises:
        StageError: The loss is not finite.
        UserError: The folder cannot be written.
    """
    recipe = recipe or member.family.recipe
    vocabulary = ChatFormat.read(folder).tokenizer.get_vocab_size()
    decoder = Decoder(architecture(vocabulary, member.hidden_size)).initialise(
        derive_seed(member.initial_seed, "initialisation")
    )
    source = DataSet(data, recipe, derive_seed(member.order_seed, "data order"))
    log = train(
        decoder,
        source,
        completion_loss,
        recipe,
        seed=0,
        dtype=getattr(torch, precision),
        checkpoint=checkpoint,
        report=report,
    )
    save_decoder(decoder, folder, tokenizer_from=folder)
    return Pretrained(
        parameters=sum(weight.numel() for weight in decoder.parameters()),
        steps=source.steps,
        rows=len(data),
        tokens=log.tokens,
        losses=log.losses,
        precision=precision,
    )
