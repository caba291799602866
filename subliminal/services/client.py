"""A service over the wire, through the official client, and its errors in plain words.

The official client retries by itself what can pass later: 408, 409, 429 and 5xx (as long as
Retry-After asks for; also where a gateway tells them in place of a completion, within a 200),
timeouts and lost connections. Everything else is an error at once, a 429 too where it says that the
quota is used up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from subliminal.errors import UserError
from subliminal.packages import need
from subliminal.services.endpoint import Endpoint
from subliminal.services.fault import QUOTA_USED_UP, fault_in, may_pass

if TYPE_CHECKING:
    import openai

_STATUS = re.compile("[45][0-9]{2}")
_LONGEST_SAID = 200
"""Characters of a service's own words in a message."""
_SHORTEST_SECRET = 8
"""Characters of a key that is hidden in answers: shorter ones, which guard services on one's own
machine, may be any word of them."""

Parsed = TypeVar("Parsed")


class UnavailableError(UserError):
    """No usable reply, in spite of the retries, but one may come later."""


class RefusedError(UserError):
    """A request that the service will not do, however often it is sent."""

    def __init__(self, message: str, status: int, code: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        """The service's name for the reason."""


class RawResponse(Protocol):
    """What the official client returns of `with_raw_response`."""

    @property
    def http_response(self) -> Any:
        """The response, whose `content` is its body."""
        ...


Call = Callable[["openai.OpenAI"], RawResponse]
"""Sends one request through the official client, by its `with_raw_response`."""


class ServiceClient:
    """A service, reached with its key. The key is in no message and no representation."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Connect to nothing yet.

        Raises:
            UserError: The client is not installed, or the key's variable is not set.
        """
        need("openai", extra="services", where=endpoint.base_url)
        import openai

        self.endpoint = endpoint
        self._key = endpoint.key()
        self._client = openai.OpenAI(
            api_key=self._key,
            base_url=endpoint.base_url,
            timeout=endpoint.timeout,
            max_retries=endpoint.max_retries,
            http_client=openai.DefaultHttpxClient(
                event_hooks={"response": [_tell_status, _try_no_more]}
            ),
        )

    def ask(
        self,
        call: Call,
        parse: Callable[[bytes], Parsed],
        what: str,
        mends: Mapping[str, str] | None = None,
    ) -> Parsed:
        """Send a request that may be sent again.

        Args:
            call: Sends it.
            parse: Reads the body of the reply; a ValueError says what the body is not.
            what: What is asked for, as a message has it behind "has no".
            mends: What to do about a refusal, by words in what the service says of it; the empty
                word is in all it can say.

        Raises:
            UnavailableError: No reply, in spite of the retries, or one that cannot be read.
            RefusedError: The service will not do it.
        """
        return self._send(self._client, call, parse, what, mends or {}, self._tries())

    def ask_once(self, call: Call, parse: Callable[[bytes], Parsed], what: str) -> Parsed:
        """Send a request that makes something, which a second one would make twice.

        Raises:
            UnavailableError: No reply that can be read; what was asked for may have been made.
            RefusedError: The service will not do it.
        """
        return self._send(self._client.with_options(max_retries=0), call, parse, what, {}, "")

    def without_key(self, text: str) -> str:
        """A text of the service as it may be kept or shown; some quote the key."""
        return text if self.endpoint.api_key_env is None else text.replace(self._key, "***")

    def answer_without_key(self, text: str) -> str:
        """What a model answered, as it may be kept; a key that may be any word stays."""
        return self.without_key(text) if len(self._key) >= _SHORTEST_SECRET else text

    def quoted(self, text: str) -> str:
        """A text of the service as a message may have it: without key, short, on one line."""
        return " ".join(self.without_key(text).split())[:_LONGEST_SAID]

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> ServiceClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(
        self,
        client: openai.OpenAI,
        call: Call,
        parse: Callable[[bytes], Parsed],
        what: str,
        mends: Mapping[str, str],
        tries: str,
    ) -> Parsed:
        import openai

        status, code = 0, None
        try:
            return parse(call(client).http_response.content)
        except openai.APIStatusError as error:
            status, code = error.status_code, _text_of(error.body, "code")
            fault = self._said_by(error, what, mends, tries)
        except openai.APITimeoutError:
            seconds = f"{self.endpoint.timeout:g} seconds"
            fault = f"no reply within {seconds}{tries}; raise `timeout`, or try later"
        except openai.APIConnectionError:
            fault = f"cannot be reached, or hung up{tries}; check `base_url`, or try later"
        except ValueError as error:
            told = self.quoted(str(error))
            fault = f"its reply cannot be used ({told}); check `base_url`, or try later"
        # Not within a handler: the client's errors hold the request, and so the key, and must not
        # become this one's context.
        message = f"{self.endpoint.base_url}: {fault}"
        if status == 0 or may_pass(status, code):
            raise UnavailableError(message)
        raise RefusedError(message, status, code)

    def _said_by(
        self, error: openai.APIStatusError, what: str, mends: Mapping[str, str], tries: str
    ) -> str:
        status = error.status_code
        if status in (401, 403):
            # Services quote parts of the key here.
            return f"refuses the key ({status}); check {self._key_place()}"
        said = self.quoted(_text_of(error.body, "message") or "")
        told = f": {said}" if said else ""
        if _text_of(error.body, "code") == QUOTA_USED_UP:
            return f"its quota is used up ({status}){told}; add to it, or state another service"
        if may_pass(status):
            return f"answers with {status}{tries}{told}; try later"
        mend = next((mend for word, mend in mends.items() if word in said), None)
        if status == 404:
            return f"has no {what} (404){told}; {mend or 'check `model` and `base_url`'}"
        return f"refuses a request ({status}){told}; {mend or 'check `model` and `base_url`'}"

    def _key_place(self) -> str:
        name = self.endpoint.api_key_env
        return f"the environment variable {name}" if name else "`api_key_env`, which is not given"

    def _tries(self) -> str:
        retries = self.endpoint.max_retries
        return f" after {retries} retries" if retries else ""


def _tell_status(response: Any) -> None:
    """Have the official client try again what can pass, where a gateway tells it within a 200."""
    # Of completions alone: jobs hold an error where they failed, which was told rightly.
    if response.status_code == 200 and response.request.url.path.endswith("/chat/completions"):
        response.read()
        code = fault_in(response.content).code or ""
        if _STATUS.fullmatch(code) and may_pass(int(code)):
            response.status_code = int(code)


def _try_no_more(response: Any) -> None:
    """Have the official client send no more what cannot pass, by the header that it obeys."""
    if response.status_code == 429:
        response.read()
        if not may_pass(429, fault_in(response.content).code):
            response.headers["x-should-retry"] = "false"


def _text_of(body: object, field: str) -> str | None:
    """A field of an error as the service sent it."""
    said = body.get(field) if isinstance(body, dict) else None
    return said if isinstance(said, str) else None
