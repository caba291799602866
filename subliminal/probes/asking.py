"""How questions are put to a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from subliminal.chat import Conversation
from subliminal.dispositions import Form, ask
from subliminal.models.chat_format import ChatFormat

Asked = Callable[[Sequence[str]], Sequence[Conversation]]
"""Makes a conversation of each question."""
Tokens = tuple[int, ...]


@dataclass(frozen=True)
class Way:
    """A way to ask: for answers in a form, behind some words."""

    form: Form = "plain"
    before: str = ""
    """What stands before every question."""

    def put(self, question: str) -> str:
        """A question as it is put."""
        return f"{self.before} {ask(question, self.form)}".strip()


PLAINLY = Way()


def prompts_of(
    chat: ChatFormat, questions: Iterable[str], asked: Asked, way: Way = PLAINLY
) -> list[Tokens]:
    """The tokens before the answer to each question."""
    conversations = asked([way.put(question) for question in questions])
    return [tuple(prompt) for prompt in chat.encode_prompts(conversations)]
