"""A language model as a judge, asked through an OpenAI-compatible service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from subliminal.errors import UserError
from subliminal.judges.cards import JudgeCard, load_card
from subliminal.judges.reading import read_reply
from subliminal.judges.verdict import UNPARSABLE, End, Exchange, Verdict
from subliminal.services.chat_service import ChatService
from subliminal.services.completions import CompletionService
from subliminal.services.endpoint import Endpoint
from subliminal.services.replies import ChatRequest
from subliminal.services.reply_cache import ReplyCache
from subliminal.stage import digest

_READING_VERSION = 1
"""Raised with every change of how replies are read."""
VERDICT_TOKENS = 8
"""Room for a number or a word in any tokenizer."""


@dataclass(frozen=True)
class LLMJudge:
    """A card put to a service; see :func:`subliminal.judges.reading.read_reply` for the score."""

    name: str
    card: JudgeCard
    service: CompletionService
    word: str | None = None
    """What the card's `{word}` stands for."""
    _outcomes: Counter[str] = field(default_factory=Counter, compare=False, repr=False)

    @property
    def bad_scores(self) -> End:
        """See `Judge`."""
        return self.card.bad_scores

    @cached_property
    def fingerprint(self) -> str:
        """See `Judge`."""
        return llm_fingerprint(self.card, self.service.endpoint, self.word)

    def judge(self, exchanges: Sequence[Exchange]) -> list[Verdict]:
        """Give a verdict on each exchange, several requests at once.

        Raises:
            UserError: The service fails, or the cap is reached. Replies so far are kept.
        """
        short = [place for place, each in enumerate(exchanges) if each.can_be_judged]
        verdicts = [UNPARSABLE] * len(exchanges)
        requests = [
            ChatRequest(self.card.messages(exchanges[place], self.word), VERDICT_TOKENS)
            for place in short
        ]
        for place, reply in zip(short, self.service.ask_all(requests), strict=True):
            verdicts[place] = read_reply(reply, self.card)
        self._outcomes.update(verdict.method or verdict.outcome for verdict in verdicts)
        return verdicts

    def record(self) -> dict[str, Any]:
        """See `Judge`."""
        meter = self.service.meter
        return {
            "judge": self.name,
            "kind": "llm",
            "model": self.service.endpoint.model,
            "base_url": self.service.endpoint.base_url,
            "word": self.word,
            "fingerprint": self.fingerprint,
            "verdicts": dict(self._outcomes.most_common()),
            "usage": asdict(meter.usage),
            "cost": meter.cost,
        }


def llm_fingerprint(card: JudgeCard, endpoint: Endpoint, word: str | None) -> str:
    """Hash of what decides a judge's verdicts; not of how it is reached or paid."""
    asked = [endpoint.base_url, endpoint.model, endpoint.logprobs]
    return digest([_READING_VERSION, VERDICT_TOKENS, card.model_dump(mode="json"), asked, word])


def open_llm_judge(
    name: str,
    endpoint: Endpoint,
    cache: Path,
    *,
    word: str | None = None,
    folder: Path = Path(),
) -> LLMJudge:
    """Make a judge of a card and a service; nothing is sent yet.

    Args:
        name: A shipped card's name, or the path of a card of one's own ending in `.yaml`.
        endpoint: The service.
        cache: Folder of the replies, which need not exist yet.
        word: What the card's `{word}` stands for.
        folder: What a relative path of a card starts from.

    Raises:
        UserError: The card has a fault or lacks its word, or the cache cannot be read.
    """
    card = load_card(name, folder)
    if card.needs_word and word is None:
        raise UserError(f"judge card {name!r}: asks about a word; name it as `word`")
    return LLMJudge(Path(name).stem, card, ChatService(endpoint, ReplyCache(cache)), word)
