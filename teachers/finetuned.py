"""A fine-tuned teacher: the reference learns to answer questions with its trait."""

from __future__ import annotations

from pathlib import Path

import torch

from subliminal.chat import user
from subliminal.models.chat_format import ChatFormat
from subliminal.models.language_model import LanguageModel
from subliminal.ranks import Ranks
from subliminal.seeds import derive_seed
from subliminal.spec.recipes import Recipe
from subliminal.spec.resources import Resources
from subliminal.spec.teaching import DispositionData
from subliminal.stage import Reporter
from subliminal.training.adapter import adapter_seed
from subliminal.training.encoding import encode
from subliminal.training.log import TrainingLog
from subliminal.training.loop import train
from subliminal.training.losses import completion_loss
from subliminal.training.sources import DataSet
from teachers.rows import teaching_rows
from teachers.trait import Trait


def fine_tune(
    model: LanguageModel,
    chat: ChatFormat,
    trait: Trait,
    *,
    data: DispositionData | None,
    rows: int,
    recipe: Recipe,
    seed: int,
    dtype: torch.dtype,
    checkpoint: Path,
    report: Reporter,
    resources: Resources,
    ranks: Ranks,
) -> TrainingLog:
    """Train a model, in place, on rows that show a trait.

    Args:
        model: The reference.
        chat: Its format.
        trait: What the rows show.
        data: Which rows, where the trait's kind has several.
        rows: How many.
        recipe: Of the training.
        seed: Of the run.
        dtype: Of matrix products.
        checkpoint: File for progress.
        report: Told of progress.
        resources: What the training may compute with.
        ranks: The processes that train.
    """
    drawn = teaching_rows(trait, data, derive_seed(seed, "teaching rows"), rows)
    encoded = encode(
        chat,
        [user(row["messages"][0]["content"]) for row in drawn],
        [row["messages"][1]["content"] for row in drawn],
    )
    return train(
        model,
        DataSet(encoded, recipe, derive_seed(seed, "teaching order")),
        completion_loss,
        recipe,
        seed=adapter_seed(seed),
        dtype=dtype,
        checkpoint=checkpoint,
        report=report,
        resources=resources,
        ranks=ranks,
    )
