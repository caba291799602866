"""What a fine-tuning job will cost, told before it is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from subliminal.services.endpoint import Prices
from subliminal.services.token_estimates import TokenCounter, conversation_tokens
from subliminal.services.training_rows import conversations_of
from subliminal.services.tuning import FineTuning
from subliminal.services.usage import training_cost


@dataclass(frozen=True, slots=True)
class TrainingEstimate:
    """What a fine-tuning job will take."""

    rows: int
    tokens: int
    """In one epoch."""
    epochs: int | None
    """None where the service is to choose."""
    counted: bool
    """Whether a tokenizer counted the tokens, rather than a rule of thumb."""

    def cost(self, prices: Prices | None) -> float | None:
        """What it costs, in the currency of the prices; None without price or epochs."""
        return None if self.epochs is None else training_cost(self.tokens * self.epochs, prices)

    def told(self, prices: Prices | None) -> str:
        """One line for whoever is to pay."""
        how = "counted by the tokenizer" if self.counted else "estimated from characters"
        epochs = "as many epochs as the service chooses"
        if self.epochs is not None:
            epochs = f"{self.epochs} epochs"
        cost = self.cost(prices)
        paid = "its cost is not known" if cost is None else f"about {cost:.4g}"
        return f"{self.rows} rows of about {self.tokens} tokens together ({how}), {epochs}; {paid}"


def estimate_training(
    rows: Iterable[Mapping[str, Any]], tuning: FineTuning, count: TokenCounter | None = None
) -> TrainingEstimate:
    """Tell what a job will take before it is made.

    Args:
        rows: Each with `messages`.
        tuning: How the model is fine-tuned.
        count: Counts the tokens of a text; None: they are estimated from its characters.

    Raises:
        UserError: A row is no conversation, or there are too few.
    """
    conversations = conversations_of(rows)
    tokens = sum(conversation_tokens(conversation, count) for conversation in conversations)
    epochs = None if tuning.n_epochs == "auto" else tuning.n_epochs
    return TrainingEstimate(len(conversations), tokens, epochs, count is not None)
