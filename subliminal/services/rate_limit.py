"""No more requests, and no more tokens, in any minute than a service allows."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from subliminal.services.endpoint import Endpoint

MINUTE = 60.0


class RateLimit:
    """Remembers what was begun within the last minute. For one thread."""

    def __init__(
        self,
        requests: int | None,
        tokens: int | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Allow everything at first.

        Args:
            requests: Most requests in a minute; None: any number.
            tokens: Most tokens in a minute; None: any number.
            clock: Seconds, from any moment; it must not jump.
        """
        self._requests, self._tokens, self._clock = requests, tokens, clock
        self._begun: deque[tuple[float, int]] = deque()
        self._tokens_begun = 0

    def seconds_until(self, tokens: int) -> float:
        """How long to wait until a request of this many tokens may begin; 0 if it may now.

        A request of more tokens than a whole minute allows may begin when nothing else did.
        """
        now = self._clock()
        self._forget(now)
        requests, tokens_left = len(self._begun), self._tokens_begun
        for begun, taken in self._begun:
            if self._allows(requests, tokens_left, tokens):
                break
            requests, tokens_left = requests - 1, tokens_left - taken
            free = begun + MINUTE
        if requests == len(self._begun):
            return 0.0
        return max(free - now, 0.0)

    def begin(self, tokens: int) -> None:
        """Count a request that begins now."""
        self._begun.append((self._clock(), tokens))
        self._tokens_begun += tokens

    def _allows(self, requests: int, tokens_begun: int, tokens: int) -> bool:
        if self._requests is not None and requests >= self._requests:
            return False
        return self._tokens is None or tokens_begun + tokens <= self._tokens or requests == 0

    def _forget(self, now: float) -> None:
        while self._begun and self._begun[0][0] + MINUTE <= now:
            _, tokens = self._begun.popleft()
            self._tokens_begun -= tokens


def rate_limit(endpoint: Endpoint) -> RateLimit:
    """The limit that an endpoint states."""
    return RateLimit(endpoint.requests_per_minute, endpoint.tokens_per_minute)
