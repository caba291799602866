"""Chat completions of a server that is started again where it dies."""

from __future__ import annotations

from collections.abc import Sequence

from subliminal.services.chat_service import ChatService
from subliminal.services.client import UnavailableError
from subliminal.services.endpoint import Endpoint
from subliminal.services.replies import ChatRequest, Reply
from subliminal.services.reply_cache import ReplyCache
from subliminal.services.usage import UsageMeter
from subliminal.stage import Reporter, silent
from subliminal.vllm_engine.server import VllmServer

ATTEMPTS = 3
"""A server that dies so often in one call is not started again."""
RETRIES = 2
"""Of the client: a server that is dead stays so until it is started."""


class ServedChat:
    """A :class:`~subliminal.services.completions.CompletionService` of a server of ours.

    Replies are kept as they come, so that a server that dies and is started again is asked for the
    missing ones alone.

    Args:
        server: It has been started.
        cache: Where its replies are kept, by its port and the names of its models.
        adapter: Which of its adapters answers; None: the model itself.
        concurrency: Requests under way at once.
    """

    def __init__(
        self,
        server: VllmServer,
        cache: ReplyCache,
        adapter: str | None = None,
        *,
        concurrency: int = 64,
    ) -> None:
        self._server = server
        endpoint = server.endpoint(
            adapter, concurrency=concurrency, max_retries=RETRIES, timeout=server.patience
        )
        self._service = ChatService(endpoint, cache)

    @property
    def endpoint(self) -> Endpoint:
        """See `CompletionService`."""
        return self._service.endpoint

    @property
    def meter(self) -> UsageMeter:
        """See `CompletionService`."""
        return self._service.meter

    def missing(self, requests: Sequence[ChatRequest]) -> list[ChatRequest]:
        """See `CompletionService`."""
        return self._service.missing(requests)

    def ask_all(self, requests: Sequence[ChatRequest], report: Reporter = silent) -> list[Reply]:
        """See `CompletionService`."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._service.ask_all(requests, report)
            except UnavailableError:
                if attempt == ATTEMPTS or self._server.alive:
                    raise
                self._server.start()
        raise AssertionError("every attempt returns or raises")
