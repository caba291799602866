"""What a service was used for: tokens, cost, and the cap on it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from subliminal.errors import UserError
from subliminal.services.endpoint import Endpoint, Prices
from subliminal.services.ledger import Ledger, Tokens
from subliminal.services.replies import Reply

_MILLION = 1_000_000
"""Tokens that a price is for."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What was asked of a service."""

    requests: int = 0
    """Replies that were asked for, and are paid for."""
    reused: int = 0
    """Replies that were there already."""
    uncounted: int = 0
    """Requests whose tokens the service did not tell; they are in none of the sums."""
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def cost(self, prices: Prices | None) -> float | None:
        """What the requests cost, in the currency of the prices; None without prices."""
        return cost_of(self.prompt_tokens, self.completion_tokens, prices)


def cost_of(prompt_tokens: int, completion_tokens: int, prices: Prices | None) -> float | None:
    """What tokens cost, in the currency of the prices; None without prices."""
    if prices is None:
        return None
    return (prompt_tokens * prices.prompt + completion_tokens * prices.completion) / _MILLION


def training_cost(tokens: int, prices: Prices | None) -> float | None:
    """What tokens cost that are trained on; None without a price."""
    price = None if prices is None else prices.training
    return None if price is None else tokens * price / _MILLION


class UsageMeter:
    """Adds up what the threads of a run use, and stops them at the cap."""

    def __init__(
        self, endpoint: Endpoint, prices: Prices | None, ledger: Ledger | None = None
    ) -> None:
        """Count from nothing, or from what earlier runs used.

        Args:
            endpoint: The service.
            prices: What is paid in fact, which for batches is less than the endpoint states.
            ledger: What earlier runs used for the same, and where this one writes it down.
        """
        self._endpoint = endpoint
        self._prices = prices
        self._lock = threading.Lock()
        self._usage = Usage()
        self._ledger = ledger
        for tokens in () if ledger is None else ledger.entries():
            self._count(tokens)

    @property
    def usage(self) -> Usage:
        """What was used so far."""
        return self._usage

    @property
    def cost(self) -> float | None:
        """What it cost so far; None without prices."""
        return self._usage.cost(self._prices)

    def reuse(self, replies: int) -> None:
        """Count replies that were there already."""
        with self._lock:
            self._usage = replace(self._usage, reused=self._usage.reused + replies)

    def add(self, reply: Reply) -> None:
        """Count a reply that was asked for.

        Raises:
            UserError: The ledger cannot be written.
        """
        tokens = (reply.prompt_tokens, reply.completion_tokens)
        with self._lock:
            self._count(tokens)
            if self._ledger is not None:
                self._ledger.add(tokens)

    def check_cap(self) -> None:
        """Refuse another request once the cap is reached.

        Requests under way are paid for, so that the cap can be passed by what is asked at once.

        Raises:
            UserError: The cap is reached, or cannot be kept because the service does not count.
        """
        cap, cost = self._endpoint.spending_cap, self.cost
        if cap is None or cost is None:
            return
        if self._usage.uncounted:
            raise UserError(
                f"{self._endpoint.base_url}: counts no tokens, so that no `spending_cap` can be "
                "kept; drop it or use another service"
            )
        if cost >= cap:
            raise UserError(
                f"{self._endpoint.base_url}: the `spending_cap` of {cap:g} is reached after "
                f"{self._usage.requests} requests; raise it and run again, replies so far are kept"
            )

    def _count(self, tokens: Tokens) -> None:
        prompt, completion = tokens
        now = self._usage
        self._usage = replace(
            now,
            requests=now.requests + 1,
            uncounted=now.uncounted + (None in tokens),
            prompt_tokens=now.prompt_tokens + (prompt or 0),
            completion_tokens=now.completion_tokens + (completion or 0),
        )
