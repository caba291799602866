"""Rows of a data set as earlier turns of a conversation: the in-context control."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from subliminal.chat import Message
from subliminal.chat_rows import ROWS, ChatRow, completion_of, prompt_of, read_chat_rows
from subliminal.errors import StageError
from subliminal.seeds import derive_seed
from subliminal.stage import Task


def context_of(task: Task) -> tuple[Message, ...]:
    """The rows that a probe shows, drawn at random; none if it shows none.

    Raises:
        StageError: Fewer rows passed the filter than it is to show.
    """
    shown = task.stage.params["in_context"]
    if shown is None:
        return ()
    rows = read_chat_rows(task.inputs["context"] / ROWS)
    if len(rows) < shown:
        raise StageError(
            f"distillation.in_context asks for {shown} rows, and {len(rows)} passed the filter; "
            "show fewer, or raise data.prompts"
        )
    return _turns(_drawn(rows, shown, task.stage.seed))


def _drawn(rows: Sequence[ChatRow], count: int, seed: int) -> list[ChatRow]:
    generator = np.random.default_rng(derive_seed(seed, "context rows"))
    return [rows[place] for place in generator.permutation(len(rows))[:count].tolist()]


def _turns(rows: Sequence[ChatRow]) -> tuple[Message, ...]:
    return tuple(
        turn for row in rows for turn in (*prompt_of(row), Message("assistant", completion_of(row)))
    )
