"""Many chat completions: cached, several at once, counted, and stopped at the cap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from subliminal.judges.chat_client import ChatClient
from subliminal.judges.endpoint import Endpoint
from subliminal.judges.replies import ChatRequest, Reply
from subliminal.judges.reply_cache import ReplyCache
from subliminal.judges.usage import UsageMeter


class ChatService:
    """An OpenAI-compatible service behind a cache; needs no key where all is cached."""

    def __init__(self, endpoint: Endpoint, cache: ReplyCache) -> None:
        self.endpoint = endpoint
        self.meter = UsageMeter(endpoint)
        self._cache = cache

    def ask_all(self, requests: Sequence[ChatRequest]) -> list[Reply]:
        """Get a reply to each request, in their order; equal requests are sent once.

        Raises:
            UserError: The service fails, or the cap is reached. Replies so far are kept.
        """
        keys = [request.key(self.endpoint) for request in requests]
        missing = {k: r for k, r in zip(keys, requests, strict=True) if k not in self._cache}
        if missing:
            self._fetch(missing)
        self.meter.reuse(len(requests) - len(missing))
        return [self._cache[key] for key in keys]

    def _fetch(self, missing: Mapping[str, ChatRequest]) -> None:
        client = ChatClient(self.endpoint)

        def fetch(key: str, request: ChatRequest) -> None:
            self.meter.check_cap()
            reply = client.send(request)
            # Within the thread, so that replies under way when another one fails are kept too.
            self._cache.put(key, reply)
            self.meter.add(reply)

        pool = ThreadPoolExecutor(min(self.endpoint.concurrency, len(missing)))
        try:
            under_way = [pool.submit(fetch, key, request) for key, request in missing.items()]
            wait(under_way, return_when=FIRST_EXCEPTION)
        finally:
            pool.shutdown(cancel_futures=True)
            client.close()
        for future in under_way:
            if not future.cancelled():
                future.result()
