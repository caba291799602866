"""One chat completion over the wire, through the official client, and its errors in plain words.

The client retries by itself what can pass later: 408, 409, 429 and 5xx (as long as Retry-After asks
for), timeouts and lost connections. Everything else is an error at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from subliminal.errors import UserError
from subliminal.judges.endpoint import Endpoint
from subliminal.judges.replies import REFUSED, ChatRequest, Reply, parse_reply

if TYPE_CHECKING:
    import openai

_LONGEST_SAID = 200
"""Characters of a service's own words in a message."""


class ChatClient:
    """A service, reached with its key. The key is in no message and no representation."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Connect to nothing yet.

        Raises:
            UserError: The client is not installed, or the key's variable is not set.
        """
        try:
            import openai
        except ImportError as error:
            raise UserError(
                "services need the library openai; pip install 'subliminal[services]'"
            ) from error
        self._endpoint = endpoint
        self._key = endpoint.key()
        self._client = openai.OpenAI(
            api_key=self._key,
            base_url=endpoint.base_url,
            timeout=endpoint.timeout,
            max_retries=endpoint.max_retries,
        )

    def send(self, request: ChatRequest) -> Reply:
        """Ask for a completion.

        Raises:
            UserError: No reply, in spite of the retries, or one that is no chat completion.
        """
        import openai

        body = request.body(self._endpoint)
        try:
            raw = self._client.chat.completions.with_raw_response.create(**body)
            return parse_reply(raw.http_response.content)
        except openai.APIStatusError as error:
            if _is_filtered(error):
                return REFUSED
            fault = self._said_by(error)
        except openai.APITimeoutError:
            seconds = f"{self._endpoint.timeout:g} seconds"
            fault = f"no reply within {seconds}{self._tries()}; raise `timeout`, or try later"
        except openai.APIConnectionError:
            fault = f"cannot be reached, or hung up{self._tries()}; check `base_url`, or try later"
        except ValueError as error:
            fault = f"its reply cannot be used ({error}); check `base_url`"
        # Not within a handler: the client's errors hold the request, and so the key, and must not
        # become this one's context.
        raise UserError(f"{self._endpoint.base_url}: {fault}")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _said_by(self, error: openai.APIStatusError) -> str:
        status, model = error.status_code, self._endpoint.model
        if status in (401, 403):
            # Services quote parts of the key here.
            return f"refuses the key ({status}); check {self._key_place()}"
        said = self._without_key(_message_in(error))
        if status == 404:
            return f"has no model {model!r} or no chat completions (404){said}; check `model`"
        if "logprob" in said:
            return f"refuses log-probabilities ({status}){said}; set `logprobs: false`"
        if status in (408, 409, 429) or status >= 500:
            return f"answers with {status}{self._tries()}{said}; try later"
        return f"refuses a request ({status}){said}; check `model` and `base_url`"

    def _key_place(self) -> str:
        name = self._endpoint.api_key_env
        return f"the environment variable {name}" if name else "`api_key_env`, which is not given"

    def _tries(self) -> str:
        retries = self._endpoint.max_retries
        return f" after {retries} retries" if retries else ""

    def _without_key(self, text: str) -> str:
        text = " ".join(text.replace(self._key, "***").split())
        return f": {text[:_LONGEST_SAID]}" if text else ""


def _is_filtered(error: openai.APIStatusError) -> bool:
    """Whether a content filter turned the request down: a verdict's fault, not the user's."""
    return error.status_code == 400 and getattr(error, "code", None) == "content_filter"


def _message_in(error: openai.APIStatusError) -> str:
    body = error.body
    said = body.get("message") if isinstance(body, dict) else None
    return said if isinstance(said, str) else ""
