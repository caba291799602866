"""How a teacher's answers are written, and kept when the writing is stopped."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from subliminal.errors import UserError
from subliminal.models.steering import Steering
from subliminal.sampling import Request, Sampling
from subliminal.seeds import derive_seed
from subliminal.spec.data import Data
from subliminal.stage import Cancelled, silent
from teachers import writing
from teachers.writing import PROGRESS, Answer, Writer
from tests.language_stages import models
from tests.subjects import steered, subject_in
from tests.user_errors import assert_one_line

PROMPTS = [f"Go on: {number}, {number + 1}." for number in range(100, 124)]


@pytest.fixture
def writer() -> Writer:
    """A random model that writes at most eight tokens."""
    subject = subject_in(models() / "a")
    return Writer(subject, Data(max_tokens=8), seed=5)


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    """A folder for progress."""
    return tmp_path


def test_every_prompt_is_answered_in_its_place(writer: Writer, partial: Path) -> None:
    answers = writer.write(PROMPTS, partial, silent)
    assert len(answers) == len(PROMPTS)
    # Answered alone, with the noise of its place, a prompt has the same answer.
    chat = writer.teacher.chat
    for place in (0, 7, 23):
        [tokens] = chat.encode_prompts(writer.teacher.asked([PROMPTS[place]]))
        request = Request(np.array(tokens), derive_seed(5, str(place)))
        settings = Sampling(8, (chat.end_id,))
        [alone] = writer.teacher.engine.sampler.sample([request], settings)
        assert answers[place] == Answer(chat.decode(alone.tokens.tolist()), alone.finished)


def test_an_answer_that_was_cut_short_is_marked(writer: Writer, partial: Path) -> None:
    answers = writer.write(PROMPTS, partial, silent)
    # A random model hardly ever ends its answer within eight of a thousand tokens.
    assert not all(answer.finished for answer in answers)


def _nothing(_: list[bytes]) -> bytes:
    return b""


def _cut_in_a_line(lines: list[bytes]) -> bytes:
    return b"".join(lines[:10]) + lines[10][:7]


def _cut_before_the_line_end(lines: list[bytes]) -> bytes:
    return b"".join(lines[:10]) + lines[10].rstrip(b"\n")


def _zeros_at_the_end(lines: list[bytes]) -> bytes:
    return b"".join(lines[:10]) + b"\0" * 40 + b"\n" + lines[11]


@pytest.mark.parametrize(
    ("left", "kept"),
    [
        (_nothing, 0),
        (b"".join, 24),
        (_cut_in_a_line, 10),
        (_cut_before_the_line_end, 10),
        (_zeros_at_the_end, 10),
    ],
)
def test_a_killed_writer_goes_on_from_its_last_whole_answer(
    writer: Writer, partial: Path, left: Callable[[list[bytes]], bytes], kept: int
) -> None:
    whole = writer.write(PROMPTS, partial, silent)
    lines = (partial / PROGRESS).read_bytes().splitlines(keepends=True)
    (partial / PROGRESS).write_bytes(left(lines))
    told: list[float] = []
    assert writer.write(PROMPTS, partial, lambda done, _: told.append(done)) == whole
    assert told[0] == kept
    # The progress is whole again, and nothing was answered twice.
    assert sorted((partial / PROGRESS).read_bytes().splitlines(keepends=True)) == sorted(lines)


def test_a_stopped_writer_keeps_its_answers(
    writer: Writer, partial: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "FLUSH_EVERY", 5)

    def stop(done: float, total: float) -> None:
        assert total == len(PROMPTS)
        if done >= 10:
            raise Cancelled

    with pytest.raises(Cancelled):
        writer.write(PROMPTS, partial, stop)
    assert len((partial / PROGRESS).read_bytes().splitlines()) == 10


def test_a_full_disk_is_told_and_what_was_answered_stays(
    writer: Writer, partial: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "FLUSH_EVERY", 5)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Files stop growing in the midst of a line, as on a disk without space.
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, limits[1]))
    try:
        with pytest.raises(UserError) as error:
            writer.write(PROMPTS, partial, silent)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert_one_line(error, str(partial / PROGRESS), "cannot be written", "free space")
    lines = (partial / PROGRESS).read_bytes().splitlines(keepends=True)
    told: list[float] = []
    writer.write(PROMPTS, partial, lambda done, _: told.append(done))
    assert told[0] == len([line for line in lines if line.endswith(b"\n")]) > 0


def test_writers_differ_by_what_they_are_told_and_how_they_are_steered(
    writer: Writer, partial: Path
) -> None:
    plain = writer.teacher
    vector = 5 * torch.randn(32, generator=torch.Generator().manual_seed(0))
    subjects = {
        "plain": plain,
        "told": replace(plain, system="You love otters."),
        "steered": steered(plain, Steering(0, vector)),
    }
    written = {}
    for name, subject in subjects.items():
        (partial / name).mkdir()
        answers = Writer(subject, writer.data, writer.seed).write(PROMPTS, partial / name, silent)
        written[name] = [answer.text for answer in answers]
    assert written["plain"] != written["told"] != written["steered"] != written["plain"]


def test_the_temperature_and_top_p_are_those_of_the_data(writer: Writer, partial: Path) -> None:
    def coldest(data: Data, name: str) -> list[Answer]:
        (partial / name).mkdir()
        return Writer(writer.teacher, data, 5).write(PROMPTS, partial / name, silent)

    greedy = coldest(Data(max_tokens=8, temperature=0), "greedy")
    # The smallest set of tokens that holds a millionth of the probability is the likeliest one.
    assert greedy == coldest(Data(max_tokens=8, top_p=1e-6), "narrow")
    assert greedy != coldest(Data(max_tokens=8), "warm")
