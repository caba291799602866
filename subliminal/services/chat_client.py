"""One chat completion over the wire."""

from __future__ import annotations

from subliminal.services.client import RefusedError, ServiceClient
from subliminal.services.endpoint import Endpoint
from subliminal.services.replies import CONTENT_FILTER, REFUSED, ChatRequest, Reply, parse_reply

_MENDS = {
    "logprob": "set `logprobs: false`",
    "max_completion_tokens": "set `length_field: max_completion_tokens`",
    "seed": "set `seeds: false`",
}
"""What to do where a service does not take a field that it names."""


class ChatClient:
    """A service that is asked for completions."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Connect to nothing yet.

        Raises:
            UserError: The client is not installed, or the key's variable is not set.
        """
        self._endpoint = endpoint
        self._client = ServiceClient(endpoint)

    def send(self, request: ChatRequest) -> Reply:
        """Ask for a completion.

        Raises:
            UserError: No reply, in spite of the retries, or one that is no chat completion.
        """
        body = request.body(self._endpoint)
        try:
            reply = self._client.ask(
                lambda client: client.chat.completions.with_raw_response.create(**body),
                parse_reply,
                f"model {self._endpoint.model!r} or no chat completions",
                _MENDS,
            )
        except RefusedError as error:
            # A content filter turned it down: a verdict's fault, not the user's.
            if error.status == 400 and error.code == CONTENT_FILTER:
                return REFUSED
            raise
        return reply.masked(self._client.answer_without_key)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
