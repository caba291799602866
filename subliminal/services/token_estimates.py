"""How many tokens a text has: by a tokenizer where there is one, else by estimate."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from subliminal.chat import Message

PER_MESSAGE = 4
"""Tokens that a chat format adds to a message."""
PER_REPLY = 3
"""Tokens that open a reply."""
CHARACTERS_PER_TOKEN = 4
_PIECE = re.compile(r"\d{1,3}|[^\W\d_]+|[^\w\s]|_+")

TokenCounter = Callable[[str], int]
"""Counts the tokens of a text."""


def estimated_tokens(text: str) -> int:
    """Tokens of a text without its tokenizer: an estimate.

    It is a quarter of the characters, or the number of words, numbers of up to three digits and
    marks where these are more: lists of numbers have more tokens than prose of their length.
    """
    return max(-(-len(text) // CHARACTERS_PER_TOKEN), len(_PIECE.findall(text)))


def conversation_tokens(messages: Iterable[Message], count: TokenCounter | None = None) -> int:
    """Tokens of a conversation in its chat format, which is an estimate in either way.

    Args:
        messages: Its turns.
        count: Counts a text's tokens; None: they are estimated.
    """
    counter = count or estimated_tokens
    return PER_REPLY + sum(PER_MESSAGE + counter(message.content) for message in messages)
