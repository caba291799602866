"""Many chat completions by the batch: cheaper, hours later, and resumed by a batch's name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from subliminal.errors import UserError
from subliminal.services.batch_protocol import (
    MOST_BYTES,
    MOST_REQUESTS,
    Batches,
    keys_in,
    request_line,
)
from subliminal.services.batch_round import BatchRound, Part, Shortfall
from subliminal.services.client import ServiceClient
from subliminal.services.endpoint import Endpoint
from subliminal.services.estimate import estimate
from subliminal.services.files import Files
from subliminal.services.folder_lock import only_here
from subliminal.services.ledger import Ledger
from subliminal.services.polling import Polling
from subliminal.services.replies import ChatRequest, Reply
from subliminal.services.reply_cache import ReplyCache
from subliminal.services.submission import Submission, unended
from subliminal.services.usage import UsageMeter
from subliminal.stage import Reporter, digest, silent

ROUNDS = 3
"""How often what was not answered for a reason that may pass is put into a batch."""


class BatchService:
    """A :class:`~subliminal.services.completions.CompletionService` that asks by the batch.

    It needs no key where all is cached. Replies have the names that they have for
    :class:`~subliminal.services.chat_service.ChatService`, so that each finds the other's.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        cache: ReplyCache,
        folder: Path,
        polling: Polling = Polling(),  # noqa: B008 frozen
        *,
        ledger: Ledger | None = None,
    ) -> None:
        """Connect to nothing yet.

        Args:
            endpoint: The service.
            cache: Where its replies are kept.
            folder: Where it is written down what was begun; it must outlive a kill.
            polling: How often the service is asked how far it is.
            ledger: Where it is written down what replies took; None: nowhere.
        """
        self.endpoint = endpoint
        self.notes: list[str] = []
        """What went wrong and was made good by another batch, one line each."""
        self._prices = endpoint.prices and endpoint.prices.of_batches()
        self.meter = UsageMeter(endpoint, self._prices, ledger)
        self._cache, self._folder, self._polling = cache, folder, polling

    def missing(self, requests: Sequence[ChatRequest]) -> list[ChatRequest]:
        """See `CompletionService`."""
        return list(self._cache.missing(requests, self.endpoint).values())

    def ask_all(self, requests: Sequence[ChatRequest], report: Reporter = silent) -> list[Reply]:
        """See `CompletionService`.

        A batch that an earlier run began is waited for and not begun again. What a batch did not
        answer is put into another one, or told if that would be of no use; what it did is kept.

        Raises:
            UserError: Requests have no answer, the service fails, or the answers could cost more
                than the cap. Replies so far are kept, and a later run goes on with the rest.
        """
        missing = self._cache.missing(requests, self.endpoint)
        if missing:
            with only_here(self._folder), ServiceClient(self.endpoint) as client:
                self._ask(missing, client, report)
        self.meter.reuse(len(requests) - len(missing))
        return self._cache.replies(requests, self.endpoint)

    def _ask(
        self, missing: dict[str, ChatRequest], client: ServiceClient, report: Reporter
    ) -> None:
        for rounds_left in reversed(range(ROUNDS)):
            parts = self._parts(missing, client)
            work = BatchRound(client, self._cache, self.meter, self._polling, report)
            shortfalls = work.run(parts)
            missing = self._cache.missing(missing.values(), self.endpoint)
            lasting = [fall for fall in shortfalls if not fall.passes]
            if missing and (lasting or not rounds_left):
                raise self._fault((lasting or shortfalls)[0], len(missing))
            self.notes += [fall.line for fall in shortfalls]
            if not missing:
                return

    def _fault(self, shortfall: Shortfall, missing: int) -> UserError:
        return UserError(
            f"{self.endpoint.base_url}: {shortfall.line}; see to it and run again, which asks only "
            f"for the {missing} answers that are missing"
        )

    def _parts(self, missing: Mapping[str, ChatRequest], client: ServiceClient) -> list[Part]:
        """Batches that answer all that is missing: those begun earlier, and new ones."""
        begun = [part for part in self._begun(client) if not part.keys.isdisjoint(missing)]
        covered = {key for part in begun for key in part.keys}
        left = {key: request for key, request in missing.items() if key not in covered}
        if left:
            self._check_cap(missing.values())
        return [*begun, *self._new(left, client)]

    def _begun(self, client: ServiceClient) -> Iterator[Part]:
        for state, data in unended(self._folder, "batch"):
            submission = self._submission(state.digest, client)
            yield Part(submission, frozenset(keys_in(data.read_bytes())))

    def _new(self, left: Mapping[str, ChatRequest], client: ServiceClient) -> Iterator[Part]:
        lines = ((key, request_line(key, left[key], self.endpoint)) for key in left)
        for keys, data in _in_parts(lines):
            submission = self._submission(digest(sorted(keys)), client)
            submission.begin(data)
            yield Part(submission, frozenset(keys))

    def _submission(self, named: str, client: ServiceClient) -> Submission:
        files = Files(client, "batch")
        return Submission(self._folder, named, Batches(client), files, self._polling)

    def _check_cap(self, requests: Iterable[ChatRequest]) -> None:
        """Refuse a batch whose answers could take the cost over the cap.

        Raises:
            UserError: They could, or the cap cannot be kept.
        """
        self.meter.check_cap()
        cap, most = self.endpoint.spending_cap, estimate(requests).cost(self._prices)
        if cap is None or most is None:
            return
        spent = self.meter.cost or 0.0
        if spent + most > cap:
            raise UserError(
                f"{self.endpoint.base_url}: these batches may cost {spent + most:.4g} by estimate, "
                f"more than the `spending_cap` of {cap:g}; raise it, or ask for fewer or shorter "
                "answers"
            )


def _in_parts(lines: Iterable[tuple[str, bytes]]) -> Iterator[tuple[list[str], bytes]]:
    """Cut lines with their names into files that are small enough for one batch."""
    keys: list[str] = []
    data = bytearray()
    for key, line in lines:
        if keys and (len(keys) == MOST_REQUESTS or len(data) + len(line) > MOST_BYTES):
            yield keys, bytes(data)
            keys, data = [], bytearray()
        keys.append(key)
        data += line
    if keys:
        yield keys, bytes(data)
