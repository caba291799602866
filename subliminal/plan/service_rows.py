"""How long the rows of data sets are for models behind services, whose tokenizers are not here."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean

from subliminal.chat import user
from subliminal.plan.cards import Cards
from subliminal.plan.once import Once
from subliminal.plan.row_lengths import SUBWORDS, RowTokens
from subliminal.services.token_estimates import conversation_tokens
from subliminal.spec.data import Data
from teachers.carriers.carrier import prompt_rows

DRAWN = 50
"""Prompts whose texts stand for all of a data set."""


@dataclass(frozen=True)
class ServiceRows:
    """Rows of one experiment's data sets."""

    cards: Cards
    _once: Once = field(default_factory=Once)

    def of(self, data: Data) -> RowTokens:
        """A row: its prompt by estimate from some texts, its completion as is usual."""
        return self._once(data, lambda: self._estimated(data))

    def _estimated(self, data: Data) -> RowTokens:
        few = data.model_copy(update={"prompts": min(data.prompts, DRAWN)})
        drawn = prompt_rows(few, 0, self.cards.tasks(data))
        prompt = fmean(conversation_tokens(user(row["prompt"])) for row in drawn)
        return RowTokens(round(prompt), SUBWORDS.carriers[data.carrier].completion).within(
            data.max_tokens
        )
