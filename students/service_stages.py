"""The students' stage for models behind services.

service.distil  a fine-tuning job on the rows that a teacher wrote
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from subliminal.chat_rows import ROWS, ChatRow, read_chat_rows
from subliminal.services.stage_models import tune_all
from subliminal.stage import MOST_SHARING, Done, Failed, Reporter, StageKind, Task


def distil(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Fine-tune models on what teachers wrote."""
    yield from tune_all(tasks, _rows, report)


KINDS = (StageKind("service.distil", 1, distil, most_sharing=MOST_SHARING),)


def _rows(task: Task) -> list[ChatRow]:
    return read_chat_rows(task.inputs["rows"] / ROWS)
