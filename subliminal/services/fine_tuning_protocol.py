"""Fine-tuning jobs as the protocol has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel

from subliminal.services.client import ServiceClient
from subliminal.services.event_log import Event
from subliminal.services.fault import Fault
from subliminal.services.listing import IfReadable, Page, all_pages, page_behind, read_as
from subliminal.services.submission import Job

_PAGE = 100


class _Hyperparameters(BaseModel):
    n_epochs: Annotated[int | str | None, IfReadable] = None
    batch_size: Annotated[int | str | None, IfReadable] = None
    learning_rate_multiplier: Annotated[float | str | None, IfReadable] = None


class _Supervised(BaseModel):
    hyperparameters: Annotated[_Hyperparameters | None, IfReadable] = None


class _Method(BaseModel):
    supervised: _Supervised | None = None


class FineTuningJob(Job):
    """A fine-tuning job."""

    model: str = ""
    training_file: str = ""
    fine_tuned_model: str | None = None
    trained_tokens: Annotated[int | None, IfReadable] = None
    error: Annotated[Fault | None, IfReadable] = None
    seed: Annotated[int | None, IfReadable] = None
    hyperparameters: Annotated[_Hyperparameters | None, IfReadable] = None
    method: Annotated[_Method | None, IfReadable] = None

    @property
    def made_of(self) -> str:
        """See `Job`."""
        return self.training_file

    @property
    def outlook(self) -> Literal["done", "going on", "lost"]:
        """See `Job`."""
        if self.status == "succeeded":
            return "done"
        return "lost" if self.status in ("failed", "cancelled") else "going on"

    @property
    def settled(self) -> _Hyperparameters:
        """What the job is trained with, once the service has said so."""
        supervised = self.method.supervised if self.method else None
        return (
            self.hyperparameters
            or (supervised.hyperparameters if supervised else None)
            or _Hyperparameters()
        )

    @property
    def reason(self) -> str:
        """Why it failed."""
        fault = self.error or Fault()
        return f"{fault.told} ({fault.param})" if fault.param else fault.told


@dataclass(frozen=True)
class FineTuningJobs:
    """The fine-tuning jobs of a service; see `Jobs`."""

    client: ServiceClient
    asked: Mapping[str, Any]
    """What a job is made with, as the protocol has it."""

    def create(self, file: str, metadata: Mapping[str, str]) -> FineTuningJob:
        """See `Jobs`."""
        # Older versions of the official client know no metadata and no method.
        body = {**self.asked, "metadata": dict(metadata)}
        return self.client.ask_once(
            lambda client: client.fine_tuning.jobs.with_raw_response.create(
                model=self.client.endpoint.model, training_file=file, extra_body=body
            ),
            read_as(FineTuningJob, "fine-tuning job"),
            f"fine-tuning of {self.client.endpoint.model!r}",
        )

    def get(self, job: str, mend: str) -> FineTuningJob:
        """See `Jobs`."""
        return self.client.ask(
            lambda client: client.fine_tuning.jobs.with_raw_response.retrieve(job),
            read_as(FineTuningJob, "fine-tuning job"),
            f"fine-tuning job {job}",
            {"": mend},
        )

    def all(self) -> Iterator[FineTuningJob]:
        """See `Jobs`."""

        def page(after: str | None) -> Page[FineTuningJob]:
            query = page_behind(after, _PAGE)
            return self.client.ask(
                lambda client: client.fine_tuning.jobs.with_raw_response.list(extra_query=query),
                read_as(Page[FineTuningJob], "list of fine-tuning jobs"),
                "list of fine-tuning jobs",
            )

        return all_pages(page)

    def events(self, job: str) -> Iterator[Event]:
        """What happened to a job, the newest first."""

        def page(after: str | None) -> Page[Event]:
            query = page_behind(after, _PAGE)
            return self.client.ask(
                lambda client: client.fine_tuning.jobs.with_raw_response.list_events(
                    job, extra_query=query
                ),
                read_as(Page[Event], "list of events"),
                f"events of fine-tuning job {job}",
            )

        return all_pages(page)
