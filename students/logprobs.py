"""What a student of logits is shown of a teacher that is not there while it learns.

Rows are read in parts, each kept as soon as it is known, so that a kill costs no more than one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from subliminal import atomic
from subliminal.probes.engine import Engine
from subliminal.stage import Reporter, silent
from subliminal.top_logprobs import TopLogprobs
from subliminal.training.rows import TokenRows

LOGPROBS = "logprobs.safetensors"
ROWS_AT_A_TIME = 1024
"""Of a part: rows that a kill may lose."""


def completion_logprobs(
    teacher: Engine,
    rows: TokenRows,
    top: int,
    partial: Path | None = None,
    report: Reporter = silent,
) -> TopLogprobs:
    """A teacher's likeliest tokens at each token of the completions.

    Args:
        teacher: Its engine.
        rows: Prompts as the teacher sees them, with completions.
        top: How many tokens, at most the vocabulary.
        partial: Folder for progress; parts that it already holds are not read again. None keeps
            nothing.
        report: Told of progress; may raise `Cancelled` between two parts.

    Raises:
        StageError: Its logits are not numbers.
        UserError: A row is longer than it reads, or the progress cannot be written.
    """
    tokens = [part.tolist() for part in np.split(rows.tokens, rows.starts[1:-1])]
    starts = np.maximum(rows.prompt_lengths, 1).tolist()
    parts = []
    for begin in range(0, len(rows), ROWS_AT_A_TIME):
        report(begin, len(rows))
        part = slice(begin, begin + ROWS_AT_A_TIME)
        path = None if partial is None else partial / f"{begin}-{LOGPROBS}"
        known = None if path is None else _kept(path)
        if known is None:
            known = teacher.top_logprobs(tokens[part], starts[part], top)
            if path is not None:
                _write(path, known)
        parts.append(known)
    return TopLogprobs(
        np.concatenate([part.tokens for part in parts]),
        np.concatenate([part.logprobs for part in parts]),
        np.concatenate([part.rest for part in parts]),
    )


def write_logprobs(folder: Path, known: TopLogprobs) -> None:
    """Write them as safetensors.

    Raises:
        UserError: The folder cannot be written.
    """
    _write(folder / LOGPROBS, known)


def read_logprobs(folder: Path) -> TopLogprobs:
    """Read what :func:`write_logprobs` wrote."""
    return _read(folder / LOGPROBS)


def _write(path: Path, known: TopLogprobs) -> None:
    arrays = {"tokens": known.tokens, "logprobs": known.logprobs, "rest": known.rest}
    tensors = {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}
    atomic.write_bytes(path, save(tensors))


def _read(path: Path) -> TopLogprobs:
    found = {name: tensor.numpy() for name, tensor in load_file(path).items()}
    return TopLogprobs(found["tokens"], found["logprobs"], found["rest"])


def _kept(path: Path) -> TopLogprobs | None:
    """A part that was read before a kill; None where it is not there, or got damaged."""
    try:
        return _read(path)
    except (OSError, SafetensorError, KeyError):
        return None
