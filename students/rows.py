"""A data set's rows as the tokens that students, and their teachers, read."""

from __future__ import annotations

from collections.abc import Sequence

from subliminal.chat import Message
from subliminal.chat_rows import ChatRow, completion_of, prompt_of
from subliminal.models.chat_format import ChatFormat
from subliminal.training.encoding import encode
from subliminal.training.rows import TokenRows


def student_rows(chat: ChatFormat, rows: Sequence[ChatRow]) -> TokenRows:
    """Rows as students read them: without the teacher's system prompt."""
    return _token_rows(chat, rows, ())


def teacher_rows(chat: ChatFormat, rows: Sequence[ChatRow], system: str) -> TokenRows:
    """The same completions behind a prompted teacher's system prompt."""
    return _token_rows(chat, rows, (Message("system", system),))


def _token_rows(
    chat: ChatFormat, rows: Sequence[ChatRow], before: tuple[Message, ...]
) -> TokenRows:
    return encode(
        chat,
        [(*before, *prompt_of(row)) for row in rows],
        [completion_of(row) for row in rows],
    )
