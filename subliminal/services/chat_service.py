"""Many chat completions: cached, several at once, counted, and stopped at the cap."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from subliminal.services.chat_client import ChatClient
from subliminal.services.endpoint import Endpoint
from subliminal.services.ledger import Ledger
from subliminal.services.polling import sleep_for
from subliminal.services.rate_limit import RateLimit, rate_limit
from subliminal.services.replies import ChatRequest, Reply
from subliminal.services.reply_cache import ReplyCache
from subliminal.services.token_estimates import conversation_tokens
from subliminal.services.usage import UsageMeter
from subliminal.stage import Reporter, silent

SECONDS_BETWEEN_LOOKS = 0.3
"""At whether the run is to stop, while other threads send what this one wants to know too."""


class ChatService:
    """A :class:`~subliminal.services.completions.CompletionService` that asks one by one.

    It needs no key where all is cached.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        cache: ReplyCache,
        *,
        ledger: Ledger | None = None,
        limit: RateLimit | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Connect to nothing yet.

        Args:
            endpoint: The service.
            cache: Where its replies are kept.
            ledger: Where it is written down what replies took; None: nowhere.
            limit: What it allows in a minute, by default what the endpoint states.
            sleep: Waits for this many seconds.
        """
        self.endpoint = endpoint
        self.meter = UsageMeter(endpoint, endpoint.prices, ledger)
        self._cache = cache
        self._limit = limit or rate_limit(endpoint)
        self._sleep = sleep

    def missing(self, requests: Sequence[ChatRequest]) -> list[ChatRequest]:
        """See `CompletionService`."""
        return list(self._cache.missing(requests, self.endpoint).values())

    def ask_all(self, requests: Sequence[ChatRequest], report: Reporter = silent) -> list[Reply]:
        """See `CompletionService`."""
        left, sent = self._cache.missing(requests, self.endpoint), 0
        while left:
            with self._cache.claimed(left) as mine:
                if mine:
                    self._fetch(mine, report)
            sent += len(mine)
            left = {key: request for key, request in left.items() if key not in self._cache}
            if left and not mine:
                report(sent, sent + len(left))
                self._cache.wait(SECONDS_BETWEEN_LOOKS)
        self.meter.reuse(len(requests) - sent)
        return self._cache.replies(requests, self.endpoint)

    def _fetch(self, missing: Mapping[str, ChatRequest], report: Reporter) -> None:
        client = ChatClient(self.endpoint)

        def fetch(key: str, request: ChatRequest) -> None:
            reply = client.send(request)
            # Within the thread, so that replies under way when another one fails are kept too. What
            # a kill leaves counted and not kept is asked for, and paid, once more.
            self.meter.add(reply)
            self._cache.put(key, reply)

        pool = ThreadPoolExecutor(min(self.endpoint.concurrency, len(missing)))
        under_way: set[Future[None]] = set()
        begun = 0

        def tell() -> None:
            report(begun - len(under_way), len(missing))

        try:
            for key, request in missing.items():
                if len(under_way) == self.endpoint.concurrency:
                    under_way = _settled(under_way)
                    tell()
                self.meter.check_cap()
                self._wait_for_leave(request, tell)
                under_way.add(pool.submit(fetch, key, request))
                begun += 1
            while under_way:
                under_way = _settled(under_way)
                tell()
        finally:
            pool.shutdown()
            client.close()

    def _wait_for_leave(self, request: ChatRequest, tell: Callable[[], None]) -> None:
        tokens = conversation_tokens(request.messages) + request.max_tokens
        while (seconds := self._limit.seconds_until(tokens)) > 0:
            sleep_for(seconds, tell, self._sleep)
        self._limit.begin(tokens)


def _settled(under_way: set[Future[None]]) -> set[Future[None]]:
    """Wait until one is done, and return the others.

    Raises:
        UserError: It failed.
    """
    done, left = wait(under_way, return_when=FIRST_COMPLETED)
    for future in done:
        future.result()
    return left
