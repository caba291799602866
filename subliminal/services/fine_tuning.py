"""Fine-tuning a model at a service: one job for one set of rows and settings, resumed by its name.

What is kept in the folder, by the digest of rows and settings:

fine-tune-<digest>.json      how far the job is, for a run after a kill
fine-tune-<digest>.jsonl     the rows to upload, until the job has ended
events-<digest>.jsonl        what happened to the job
fine-tuned-<digest>.json     the result
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from subliminal import atomic
from subliminal.errors import UserError
from subliminal.services.client import RefusedError, ServiceClient
from subliminal.services.endpoint import Endpoint
from subliminal.services.event_log import Event, EventLog
from subliminal.services.files import Files
from subliminal.services.fine_tuning_protocol import FineTuningJob, FineTuningJobs
from subliminal.services.folder_lock import only_here
from subliminal.services.polling import Polling
from subliminal.services.submission import Submission
from subliminal.services.token_estimates import TokenCounter
from subliminal.services.training_estimate import TrainingEstimate, estimate_training
from subliminal.services.training_rows import conversations_of, training_file
from subliminal.services.tuning import FineTuning
from subliminal.services.usage import training_cost
from subliminal.stage import Reporter, digest, silent


class FineTuned(BaseModel):
    """What a job made, and what it took."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    """Name of the new model at the service."""
    base: str
    """Name of the model it was made of."""
    job: str
    trained_tokens: int | None
    """Tokens that are paid for, those of all epochs; None where the service does not tell."""
    cost: float | None
    """In the currency of the prices; None where tokens or price are not known."""
    n_epochs: int | str | None
    batch_size: int | str | None
    learning_rate_multiplier: float | str | None
    seed: int | None
    """As the service settled them; None where it does not tell."""


def fine_tune(
    rows: Sequence[Mapping[str, Any]],
    endpoint: Endpoint,
    tuning: FineTuning,
    folder: Path,
    report: Reporter = silent,
    *,
    polling: Polling = Polling(),  # noqa: B008 frozen
    count: TokenCounter | None = None,
) -> FineTuned:
    """Fine-tune a model, or take over what an earlier run began or finished.

    The job goes on at the service when this process ends; a later call waits for the same job.

    Args:
        rows: Each with `messages`, the last of them the assistant's; other fields stay here.
        endpoint: The service, and the model to fine-tune.
        tuning: How.
        folder: Where state, events and result are kept; it must outlive a kill.
        report: Told the steps done and all steps, as far as the service tells them.
        polling: How often the service is asked how far it is.
        count: Counts the tokens of a text, for the cap; None: they are estimated.

    Raises:
        UserError: A row or a setting has a fault, the job could cost more than the cap, the
            service fails, or the job failed or was cancelled. The next call then makes another.
    """
    data = training_file(conversations_of(rows))
    content = hashlib.sha256(data).hexdigest()
    decides = tuning.model_dump(mode="json")
    named = digest([endpoint.base_url, endpoint.model, decides, content])
    result = folder / f"fine-tuned-{named}.json"
    if result.is_file():
        return read_result(result)
    with only_here(folder), ServiceClient(endpoint) as client:
        jobs = FineTuningJobs(client, tuning.asked())
        files = Files(client, "fine-tune")
        submission = Submission(folder, named, jobs, files, polling)
        if submission.state().job is None:
            _check_cap(endpoint, estimate_training(rows, tuning, count))
            submission.begin(data)
        log = EventLog(folder / f"events-{named}.jsonl")
        job = _Watch(submission, jobs, log, report).until_ended()
        if job.outlook == "lost":
            submission.end(whole=False)
            raise UserError(_why_lost(job, client))
        made = _made(job, endpoint)
        atomic.write_text(result, made.model_dump_json(indent=2) + "\n")
        submission.end(whole=True)
        return made


@dataclass
class _Watch:
    """Waits for a job, and writes down what happens to it."""

    submission: Submission[FineTuningJob]
    jobs: FineTuningJobs
    log: EventLog
    report: Reporter
    progress: tuple[float, float] = (0.0, 1.0)

    def until_ended(self) -> FineTuningJob:
        polling = self.submission.polling
        job = self.submission.job(self._tell)
        self._take_events(job)
        waits = polling.waits()
        while job.outlook == "going on":
            polling.wait(next(waits), self._tell)
            job = self._polled(job)
            self._take_events(job)
        self._tell()
        return job

    def _polled(self, job: FineTuningJob) -> FineTuningJob:
        polling = self.submission.polling
        return polling.patiently(lambda: self.submission.poll(job), self._tell)

    def _tell(self) -> None:
        self.report(*self.progress)

    def _take_events(self, job: FineTuningJob) -> None:
        try:
            new = self.submission.polling.patiently(lambda: self._new_events(job), self._tell)
        except RefusedError as error:
            if error.status == 404:
                return  # Some services tell no events.
            raise
        self.log.add(new)
        told = [event.progress for event in new if event.progress is not None]
        self.progress = told[-1] if told else self.progress

    def _new_events(self, job: FineTuningJob) -> list[Event]:
        new = takewhile(lambda event: event.id not in self.log, self.jobs.events(job.id))
        masked = (self.jobs.client.without_key(event.model_dump_json()) for event in new)
        return [Event.model_validate_json(event) for event in masked][::-1]


def _made(job: FineTuningJob, endpoint: Endpoint) -> FineTuned:
    if job.fine_tuned_model is None:
        raise UserError(
            f"{endpoint.base_url}: fine-tuning job {job.id} succeeded, but its model has no name; "
            "run again later"
        )
    tokens = job.trained_tokens
    return FineTuned(
        model=job.fine_tuned_model,
        base=endpoint.model,
        job=job.id,
        trained_tokens=tokens,
        cost=None if tokens is None else training_cost(tokens, endpoint.prices),
        seed=job.seed,
        **job.settled.model_dump(),
    )


def _why_lost(job: FineTuningJob, client: ServiceClient) -> str:
    how = "was cancelled" if job.status == "cancelled" else f"failed: {client.quoted(job.reason)}"
    return (
        f"{client.endpoint.base_url}: fine-tuning job {job.id} {how}; see to it and run again, "
        "which makes another"
    )


def _check_cap(endpoint: Endpoint, estimate: TrainingEstimate) -> None:
    """Refuse a job that would cost more than the cap.

    Raises:
        UserError: It would, or what it costs cannot be known.
    """
    cap, prices = endpoint.spending_cap, endpoint.prices
    if cap is None or prices is None:
        return
    if prices.training is None:
        raise UserError("prices: no `training` price, without which no cap can be kept; state it")
    cost = estimate.cost(prices)
    if cost is None:
        raise UserError("n_epochs: auto, with which no `spending_cap` can be kept; state a number")
    if cost > cap:
        raise UserError(
            f"{endpoint.base_url}: the fine-tuning job costs about {cost:.4g}, more than the "
            f"`spending_cap` of {cap:g}; raise it, or train on fewer rows or epochs"
        )


def read_result(path: Path) -> FineTuned:
    """What a job made, as it was written down.

    Raises:
        UserError: It cannot be read.
    """
    try:
        return FineTuned.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise UserError(
            f"{path}: cannot be read; delete it, and the service is asked for the result again"
        ) from None
