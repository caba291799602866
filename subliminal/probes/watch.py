"""The preference of a model while it learns: the cheap probe behind training curves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from subliminal.chat import user
from subliminal.models.chat_format import ChatFormat
from subliminal.models.decoder import Decoder
from subliminal.probes.banks import QuestionBank
from subliminal.probes.forward import Engine
from subliminal.probes.preference import Questionnaire, log_odds


@dataclass(frozen=True)
class Watcher:
    """Asks a bank's questions, without any system prompt, of a model's current weights."""

    chat: ChatFormat
    bank: QuestionBank
    dtype: torch.dtype = torch.float32
    """Of matrix products."""

    def log_odds(self, decoder: Decoder) -> dict[str, float]:
        """The log-odds of each target, as the probe `favourite` defines them.

        Raises:
            StageError: The model's logits are not numbers.
        """
        odds = log_odds(self._asked.log_probabilities(Engine(decoder, self.dtype))).mean(0)
        return dict(zip(self.bank.answers, odds.tolist(), strict=True))

    @cached_property
    def _asked(self) -> Questionnaire:
        questions = [user(question) for question in self.bank.questions]
        return Questionnaire.encode(self.chat, questions, self.bank.answers)
