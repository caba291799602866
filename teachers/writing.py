"""A teacher answers prompts, keeping every answer as it comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from subliminal.atomic import cannot_write
from subliminal.probes.subject import Subject
from subliminal.sampling import Request, Sampling
from subliminal.seeds import derive_seed
from subliminal.spec.data import Data
from subliminal.stage import Reporter

PROGRESS = "answers.jsonl"
FLUSH_EVERY = 64
"""Answers that a kill may lose."""


@dataclass(frozen=True)
class Answer:
    """What was written for one prompt."""

    text: str
    finished: bool
    """Whether it came to its end before the longest length allowed."""


@dataclass(frozen=True)
class Writer:
    """A teacher with its way of writing."""

    teacher: Subject
    data: Data
    seed: int
    """Of the noise: writers of one seed share it."""

    def write(self, prompts: Sequence[str], partial: Path, report: Reporter) -> list[Answer]:
        """Answer every prompt once.

        Args:
            prompts: What is asked. An answer depends on its prompt and its place alone.
            partial: Folder for progress; what it already holds is not written again.
            report: Told of progress; may raise `Cancelled`.

        Raises:
            UserError: The progress cannot be written, as when the disk is full; or a prompt is
                longer than the model reads.
            StageError: The model's logits are not numbers.
        """
        answers, size = _read_progress(partial / PROGRESS)
        left = [place for place in range(len(prompts)) if place not in answers]
        report(len(answers), len(prompts))
        with closing(_Progress(partial / PROGRESS, size)) as progress:
            for place, answer in self._answers(prompts, left):
                answers[place] = answer
                progress.add(place, answer)
                if len(answers) % FLUSH_EVERY == 0:
                    progress.flush()
                    report(len(answers), len(prompts))
        return [answers[place] for place in range(len(prompts))]

    def _answers(self, prompts: Sequence[str], left: Sequence[int]) -> Iterator[tuple[int, Answer]]:
        teacher = self.teacher
        encoded = teacher.chat.encode_prompts(teacher.asked([prompts[place] for place in left]))
        requests = [
            Request(np.asarray(tokens, dtype=np.int64), derive_seed(self.seed, str(place)))
            for tokens, place in zip(encoded, left, strict=True)
        ]
        settings = Sampling(
            max_tokens=self.data.max_tokens,
            end_tokens=teacher.chat.end_ids,
            temperature=self.data.temperature,
            top_p=self.data.top_p,
        )
        for done in teacher.engine.sampler.sample(requests, settings):
            text = teacher.chat.decode(done.tokens.tolist())
            yield left[done.index], Answer(text, done.finished)


class _Progress:
    """The file that answers are appended to.

    Args:
        path: Of the file.
        size: Bytes behind which to go on; what stands there is cut off.

    Raises:
        UserError: From any method: it cannot be written.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        with self._told():
            self._file = path.open("ab")
            self._file.truncate(size)

    def add(self, place: int, answer: Answer) -> None:
        with self._told():
            self._file.write(to_json([place, answer.text, answer.finished]) + b"\n")

    def flush(self) -> None:
        with self._told():
            self._file.flush()

    def close(self) -> None:
        with self._told():
            self._file.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise cannot_write(self._path, error) from error


def _read_progress(path: Path) -> tuple[dict[int, Answer], int]:
    """The answers up to the first line that a kill cut off, and the bytes that they take."""
    answers: dict[int, Answer] = {}
    size = 0
    for line in path.read_bytes().splitlines(keepends=True) if path.exists() else ():
        if not line.endswith(b"\n"):
            break
        try:
            place, text, finished = _LINE.validate_json(line)
        except ValidationError:
            break
        answers[place] = Answer(text, finished)
        size += len(line)
    return answers, size


_LINE = TypeAdapter(tuple[int, str, bool])
