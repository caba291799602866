"""What completions will cost at most, told before they are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from subliminal.services.endpoint import Prices
from subliminal.services.replies import ChatRequest
from subliminal.services.token_estimates import TokenCounter, conversation_tokens
from subliminal.services.usage import cost_of


@dataclass(frozen=True, slots=True)
class Estimate:
    """Tokens that requests will take."""

    requests: int
    prompt_tokens: int
    completion_tokens: int
    """At most: every answer as long as it may be."""
    counted: bool
    """Whether a tokenizer counted the prompts, rather than a rule of thumb."""

    def cost(self, prices: Prices | None) -> float | None:
        """What they cost at most, in the currency of the prices; None without prices."""
        return cost_of(self.prompt_tokens, self.completion_tokens, prices)

    def told(self, prices: Prices | None) -> str:
        """One line for whoever is to pay."""
        how = "counted by the tokenizer" if self.counted else "estimated from characters"
        cost = self.cost(prices)
        paid = "no prices are stated" if cost is None else f"at most {cost:.4g}"
        return (
            f"{self.requests} requests: about {self.prompt_tokens} tokens of prompts ({how}) and "
            f"at most {self.completion_tokens} of answers; {paid}"
        )


def estimate(requests: Iterable[ChatRequest], count: TokenCounter | None = None) -> Estimate:
    """Estimate what requests take that are all sent.

    Args:
        requests: What is asked; leave out what is cached.
        count: Counts the tokens of a text; None: they are estimated.
    """
    number = prompts = completions = 0
    for request in requests:
        number += 1
        prompts += conversation_tokens(request.messages, count)
        completions += request.max_tokens
    return Estimate(number, prompts, completions, count is not None)
