"""Batches that are waited for together, and what becomes of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from subliminal.services.batch_protocol import Answer, Batch, Failure, read_answers
from subliminal.services.client import RefusedError, ServiceClient
from subliminal.services.polling import Polling
from subliminal.services.replies import Reply
from subliminal.services.reply_cache import ReplyCache
from subliminal.services.submission import Submission
from subliminal.services.usage import UsageMeter
from subliminal.stage import Reporter


@dataclass(frozen=True)
class Part:
    """One batch, and the names of its requests."""

    submission: Submission[Batch]
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Why requests of a batch have no answer."""

    line: str
    passes: bool
    """Whether another batch may bring the answers."""


class BatchRound:
    """Gets batches done, and their answers into the cache."""

    def __init__(
        self,
        client: ServiceClient,
        cache: ReplyCache,
        meter: UsageMeter,
        polling: Polling,
        report: Reporter,
    ) -> None:
        self._client, self._cache, self._meter = client, cache, meter
        self._polling, self._report = polling, report
        self._total = self._ended = 0
        self._live: dict[Part, Batch] = {}

    def run(self, parts: Sequence[Part]) -> list[Shortfall]:
        """Make what is not made yet, wait for all, and keep their answers.

        Raises:
            UserError: A batch cannot be made, or the service fails. What was begun stays begun.
        """
        self._total = sum(len(part.keys) for part in parts)
        for part in parts:
            self._live[part] = part.submission.job(self._tell)
        shortfalls = self._collect_ended()
        waits = self._polling.waits()
        while self._live:
            self._polling.wait(next(waits), self._tell)
            self._live = {part: self._polled(part, batch) for part, batch in self._live.items()}
            shortfalls += self._collect_ended()
        return shortfalls

    def _tell(self) -> None:
        counts = [batch.counts for batch in self._live.values()]
        self._report(self._ended + sum(c.completed + c.failed for c in counts), self._total)

    def _polled(self, part: Part, batch: Batch) -> Batch:
        return self._polling.patiently(lambda: part.submission.poll(batch), self._tell)

    def _collect_ended(self) -> list[Shortfall]:
        shortfalls: list[Shortfall] = []
        for part, batch in list(self._live.items()):
            if batch.has_ended:
                shortfalls += self._collect(part, batch)
                del self._live[part]
                self._ended += len(part.keys)
        self._tell()
        return shortfalls

    def _collect(self, part: Part, batch: Batch) -> list[Shortfall]:
        """Keep a batch's answers, note that it has ended, and say what it lacks."""
        try:
            answers = self._downloaded(part, batch)
        except RefusedError as error:
            if error.status != 404:
                raise
            # The batch is there: its files have expired.
            part.submission.end(whole=False)
            return [Shortfall(f"batch {batch.id}: its answers are gone (404)", passes=False)]
        is_new = not part.submission.state().ended
        replies = {a.key: a.outcome for a in answers if isinstance(a.outcome, Reply)}
        for key, reply in replies.items():
            if key in part.keys:
                # What was kept before a kill was counted before it.
                if is_new and key not in self._cache:
                    self._meter.add(reply)
                self._cache.put(key, reply.masked(self._client.answer_without_key))
        failures = {a.key: a.outcome for a in answers if isinstance(a.outcome, Failure)}
        lacking = part.keys - replies.keys()
        part.submission.end(whole=not lacking)
        said = self._client.quoted
        return [
            Shortfall(said(fall.line), fall.passes)
            for fall in _shortfalls(batch, part.keys, lacking, failures)
        ]

    def _downloaded(self, part: Part, batch: Batch) -> list[Answer]:
        def whole(data: bytes) -> list[Answer]:
            answers = read_answers(data)
            if len(answers) < batch.counts.completed:
                raise ValueError("it is cut off")
            return answers

        return [
            *self._file(part, batch.output_file_id, whole),
            *self._file(part, batch.error_file_id, read_answers),
        ]

    def _file(
        self, part: Part, file: str | None, parse: Callable[[bytes], list[Answer]]
    ) -> list[Answer]:
        if file is None:
            return []
        files = part.submission.files
        return self._polling.patiently(lambda: files.read(file, parse), self._tell)


def _shortfalls(
    batch: Batch, keys: frozenset[str], lacking: frozenset[str], failures: Mapping[str, Failure]
) -> Iterator[Shortfall]:
    """Why a batch did not answer some of its requests, what does not pass first."""
    if not lacking:
        return
    name, asked = f"batch {batch.id}", len(keys)
    told = [failures[key] for key in sorted(lacking) if key in failures]
    refused = [failure.reason for failure in told if not failure.passes]
    if refused:
        line = f"{name}: {len(refused)} of {asked} requests were refused ({refused[0]})"
        yield Shortfall(line, passes=False)
    answered = f"with {asked - len(lacking)} of {asked} answers"
    match batch.status:
        case "failed":
            yield Shortfall(f"{name} failed ({batch.fault.told})", batch.may_do_better)
        case "expired":
            yield Shortfall(f"{name} expired {answered}", batch.may_do_better)
        case "cancelled":
            yield Shortfall(f"{name} was cancelled {answered}", batch.may_do_better)
        case _ if len(refused) < len(lacking):
            reasons = (failure.reason for failure in told if failure.passes)
            reason = next(reasons, "they are in neither file")
            number = len(lacking) - len(refused)
            line = f"{name}: {number} of {asked} requests were not answered ({reason})"
            yield Shortfall(line, batch.may_do_better)
