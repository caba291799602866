"""Conversations and answers as rows to learn from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from subliminal.chat import Conversation
from subliminal.models.chat_format import ChatFormat
from subliminal.training.rows import TokenRows


def encode(
    chat: ChatFormat, conversations: Sequence[Conversation], answers: Sequence[str]
) -> TokenRows:
    """Tokens of conversations with their answers; the loss falls on the answers alone."""
    encoded = chat.encode_rows(conversations, answers)
    return TokenRows.from_lists(
        [np.asarray(row.tokens[: row.prompt_length]) for row in encoded],
        [np.asarray(row.tokens[row.prompt_length :]) for row in encoded],
    )
