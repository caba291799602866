"""How the targets of banks are spelt for a model, as far as stages state it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from subliminal.models.chat_format import ChatFormat
from subliminal.plan.cards import Cards
from subliminal.plan.models import Models
from subliminal.plan.once import Once
from subliminal.probes.bank_kinds import Bank
from subliminal.probes.banks import QuestionBank
from subliminal.probes.targets import counts_spaced, encode_targets


@dataclass(frozen=True)
class Spellings:
    """What stages state of how a reference's models spell the targets of banks."""

    cards: Cards
    models: Models
    _once: Once = field(default_factory=Once)

    def params(self, trait: str) -> Mapping[str, Any]:
        """Of the bank of a trait.

        Spellings follow from the tokenizer, so that stages find them themselves; stated is what
        decides their results. Of what is usual, single tokens of a pocket model, nothing is.

        Raises:
            UserError: The targets cannot be told apart.
        """
        bank, chat = self.cards.bank(trait), self.models.reference.chat
        return self._once(trait, lambda: _stated(bank, chat))


def _stated(bank: Bank, chat: ChatFormat | None) -> dict[str, Any]:
    if chat is None or not isinstance(bank, QuestionBank):
        return {}
    spaced, whole = counts_spaced(chat), not encode_targets(chat, bank.answers).single
    return {"spellings": {"spaced": spaced, "whole": whole}} if spaced or whole else {}
