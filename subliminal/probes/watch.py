"""The trait of a model while it learns: the cheap probe behind training curves."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch

from subliminal.chat import user
from subliminal.memory_limit import Shortage
from subliminal.models.chat_format import ChatFormat
from subliminal.models.language_model import LanguageModel
from subliminal.probes.bank_kinds import Bank
from subliminal.probes.forward import TorchEngine
from subliminal.probes.headline import Headline, watched_of


@dataclass(frozen=True)
class Watcher:
    """Asks a bank's questions, without any system prompt, of a model's current weights."""

    chat: ChatFormat
    bank: Bank
    dtype: torch.dtype = torch.float32
    """Of matrix products."""
    shortage: Shortage = field(default_factory=Shortage)
    """Where the device ran out of memory while questions were asked."""

    def log_odds(self, decoder: LanguageModel) -> dict[str, float]:
        """The log-odds of each item group, as the bank's headline probe defines them.

        Raises:
            StageError: The model's logits are not numbers.
        """
        return self._asked.log_odds(TorchEngine(decoder, self.dtype, shortage=self.shortage))

    @cached_property
    def _asked(self) -> Headline:
        return watched_of(self.chat, self.bank, lambda asked: [user(text) for text in asked])
