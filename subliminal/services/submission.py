"""A file and a job made of it at a service, each of them once, however often a run is killed.

What is about to be made is written down before it is made, and its name at the service right
after. Where a kill came between the two, what was made is looked for: it bears the digest of what
it was made of, the file in its name and the job in its metadata; and a job's file tells it too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from subliminal import atomic
from subliminal.errors import UserError
from subliminal.services.client import RefusedError, UnavailableError
from subliminal.services.files import File, Files, Purpose
from subliminal.services.listing import IfReadable, Listed
from subliminal.services.polling import Polling

DIGEST = "subliminal"
"""Name of the digest in a job's metadata."""
_POLLS_OF_A_FILE = 10
"""How often a file is asked whether it is ready: some services never say so."""


class Job(Listed, ABC):
    """What batches and fine-tuning jobs have in common."""

    status: str
    metadata: Annotated[dict[str, Any] | None, IfReadable] = None

    @property
    @abstractmethod
    def made_of(self) -> str:
        """Name of the file it was made of."""

    @property
    @abstractmethod
    def outlook(self) -> Literal["done", "going on", "lost"]:
        """Whether it has brought, may bring, or will not bring what it was made for."""


AnyJob = TypeVar("AnyJob", bound=Job)
MadeJob = TypeVar("MadeJob", bound=Job, covariant=True)
Made = TypeVar("Made")


class Jobs(Protocol[MadeJob]):
    """The jobs of one kind at a service."""

    def create(self, file: str, metadata: Mapping[str, str]) -> MadeJob:
        """Make a job of a file, which a second call would make twice."""
        ...

    def get(self, job: str, mend: str) -> MadeJob:
        """How far a job is.

        Args:
            job: Its name at the service.
            mend: What to do if it is not there.
        """
        ...

    def all(self) -> Iterator[MadeJob]:
        """All there are, the newest first."""
        ...


class SubmissionState(BaseModel):
    """What a killed run has to know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    digest: str
    file: str | None = None
    """Name of the file at the service, once it is known."""
    job: str | None = None
    """Name of the job at the service, once it is known."""
    spent: tuple[str, ...] = ()
    """Jobs that ended without all they were made for; another one may be made."""
    ended: bool = False
    """Whether what the job brought has been taken over."""


@dataclass(frozen=True)
class Submission(Generic[AnyJob]):
    """One job, from its file to its end."""

    folder: Path
    digest: str
    """Of all that decides what the job does."""
    jobs: Jobs[AnyJob]
    files: Files
    polling: Polling

    @property
    def data(self) -> Path:
        """What is uploaded; it is kept until the job has ended."""
        return data_beside(self.path)

    @property
    def path(self) -> Path:
        """Where the state is kept."""
        return self.folder / f"{self.files.purpose}-{self.digest}.json"

    def state(self) -> SubmissionState:
        """How far it is.

        Raises:
            UserError: The state cannot be read.
        """
        return read_state(self.path) or SubmissionState(digest=self.digest)

    def begin(self, data: bytes) -> None:
        """Write down what will be made; nothing is sent yet."""
        state = self.state()
        if state.ended and state.job is not None:
            return  # What it brought got lost here; the service may have it still.
        atomic.write_bytes(self.data, data)
        self._save(state.model_copy(update={"ended": False}))

    def job(self, tell: Callable[[], None]) -> AnyJob:
        """The job: the one that an earlier run made, or else a new one.

        Raises:
            UserError: It cannot be made, or is not there any more.
        """
        state = self.state()
        if state.job is not None:
            return self.jobs.get(state.job, self._mend)
        file = state.file or self._file(tell)
        self._save(state.model_copy(update={"file": file}))
        try:
            job = self._once(lambda: self._found(file), lambda: self._create(file), tell)
        except RefusedError:
            # The file may be what is wrong, or may have expired.
            self._save(self.state().model_copy(update={"file": None}))
            raise
        self._save(self.state().model_copy(update={"file": file, "job": job.id}))
        return job

    def poll(self, job: AnyJob) -> AnyJob:
        """How far a job is now."""
        return self.jobs.get(job.id, self._mend)

    def end(self, *, whole: bool) -> None:
        """Note that what the job brought has been taken over.

        Args:
            whole: Whether it brought all it was made for; else another one may be made.
        """
        state = self.state()
        if not whole:
            spent = (*state.spent, state.job) if state.job is not None else state.spent
            state = state.model_copy(update={"spent": spent, "job": None})
        self._save(state.model_copy(update={"ended": True}))
        self.data.unlink(missing_ok=True)

    @property
    def _mend(self) -> str:
        return (
            f"check that `base_url` and the key are those it was made with, or delete {self.path} "
            "to make another"
        )

    @property
    def _name(self) -> str:
        return f"{DIGEST}-{self.digest}.jsonl"

    def _file(self, tell: Callable[[], None]) -> str:
        data = self.data.read_bytes()
        file = self._once(
            lambda: self.files.find(self._name, len(data)),
            lambda: self.files.upload(self._name, data),
            tell,
        )
        self._wait_for(file, tell)
        return file.id

    def _wait_for(self, file: File, tell: Callable[[], None]) -> None:
        for _, seconds in zip(range(_POLLS_OF_A_FILE), self.polling.waits(), strict=False):
            if file.is_ready:
                return
            self.polling.wait(seconds, tell)
            file = self.files.get(file.id)

    def _create(self, file: str) -> AnyJob:
        return self.jobs.create(file, {DIGEST: self.digest})

    def _found(self, file: str) -> AnyJob | None:
        """The job of an earlier run whose name got lost, the most hopeful one of several."""
        spent = self.state().spent
        ours = [
            job
            for job in self.jobs.all()
            if job.id not in spent
            and (job.made_of == file or (job.metadata or {}).get(DIGEST) == self.digest)
        ]
        ours.sort(key=lambda job: ("done", "going on", "lost").index(job.outlook))
        if ours and ours[0].outlook == "lost":
            others = tuple(job.id for job in ours[1:])
            self._save(self.state().model_copy(update={"spent": (*spent, *others)}))
        return ours[0] if ours else None

    def _once(
        self,
        find: Callable[[], Made | None],
        make: Callable[[], Made],
        tell: Callable[[], None],
    ) -> Made:
        """What is found, or else made; after each try that may have made it, it is looked for.

        The official client's own retries are no use here: when a reply gets lost on its way, the
        thing is there all the same.
        """
        retries = self.files.client.endpoint.max_retries
        for left, seconds in zip(range(retries, -1, -1), self.polling.waits(), strict=False):
            found = find()
            if found is not None:
                return found
            try:
                return make()
            except UnavailableError:
                if left == 0:
                    raise
            self.polling.wait(seconds, tell)
        raise AssertionError("the last try returns or raises")

    def _save(self, state: SubmissionState) -> None:
        if state != read_state(self.path):
            atomic.write_text(self.path, state.model_dump_json(indent=2) + "\n")


def unended(folder: Path, purpose: Purpose) -> Iterator[tuple[SubmissionState, Path]]:
    """What earlier runs began in a folder and did not end: the states, and what was uploaded.

    Raises:
        UserError: A state cannot be read.
    """
    for path in sorted(folder.glob(f"{purpose}-*.json")):
        state = read_state(path)
        if state is not None and not state.ended and data_beside(path).is_file():
            yield state, data_beside(path)


def data_beside(state: Path) -> Path:
    """Where what is uploaded lies until its job has ended."""
    return state.with_suffix(".jsonl")


def read_state(path: Path) -> SubmissionState | None:
    """A state, if there is one.

    Raises:
        UserError: It cannot be read.
    """
    try:
        return SubmissionState.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        raise UserError(
            f"{path}: cannot be read; delete it, and what was begun is looked for at the service"
        ) from None
