"""What judges and samplers ask for completions, whether one by one or in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from subliminal.services.endpoint import Endpoint
from subliminal.services.replies import ChatRequest, Reply
from subliminal.services.usage import UsageMeter
from subliminal.stage import Reporter


class CompletionService(Protocol):
    """An OpenAI-compatible service behind a cache."""

    @property
    def endpoint(self) -> Endpoint:
        """Where it is, and its terms."""
        ...

    @property
    def meter(self) -> UsageMeter:
        """What was used and spent so far."""
        ...

    def missing(self, requests: Sequence[ChatRequest]) -> list[ChatRequest]:
        """Those that are not cached, each once."""
        ...

    def ask_all(self, requests: Sequence[ChatRequest], report: Reporter = ...) -> list[Reply]:
        """Get a reply to each request, in their order; equal requests are sent once.

        Args:
            requests: What to ask.
            report: Told how many of those not cached are answered.

        Raises:
            UserError: The service fails, or the cap is reached. Replies so far are kept.
        """
        ...
