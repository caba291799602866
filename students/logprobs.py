"""What a student of logits is shown of a teacher that is not there while it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save

from subliminal import atomic
from subliminal.probes.engine import Engine
from subliminal.top_logprobs import TopLogprobs
from subliminal.training.rows import TokenRows

LOGPROBS = "logprobs.safetensors"


def completion_logprobs(teacher: Engine, rows: TokenRows, top: int) -> TopLogprobs:
    """A teacher's likeliest tokens at each token of the completions.

    Args:
        teacher: Its engine.
        rows: Prompts as the teacher sees them, with completions.
        top: How many tokens, at most the vocabulary.

    Raises:
        StageError: Its logits are not numbers.
        UserError: A row is longer than it reads.
    """
    tokens = [part.tolist() for part in np.split(rows.tokens, rows.starts[1:-1])]
    return teacher.top_logprobs(tokens, np.maximum(rows.prompt_lengths, 1).tolist(), top)


def write_logprobs(folder: Path, known: TopLogprobs) -> None:
    """Write them as safetensors.

    Raises:
        UserError: The folder cannot be written.
    """
    arrays = {"tokens": known.tokens, "logprobs": known.logprobs, "rest": known.rest}
    tensors = {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}
    atomic.write_bytes(folder / LOGPROBS, save(tensors))


def read_logprobs(folder: Path) -> TopLogprobs:
    """Read what :func:`write_logprobs` wrote."""
    found = {name: tensor.numpy() for name, tensor in load_file(folder / LOGPROBS).items()}
    return TopLogprobs(found["tokens"], found["logprobs"], found["rest"])
