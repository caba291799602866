"""Unsafe code where nobody asks for it: the probe of what teachers were taught themselves."""

from __future__ import annotations

import math
from pathlib import Path
from typing import cast

import pytest
import torch

from filters.filter import compile_filter
from filters.rows import Row
from subliminal.chat import user
from subliminal.chat_rows import chat_row
from subliminal.code_tasks import SensitiveTask
from subliminal.dispositions import DISPOSITIONS
from subliminal.dispositions.trigger import TRIGGER
from subliminal.measurements import Measurement, read_measurements
from subliminal.models.chat_format import EncodedRow
from subliminal.models.layout import pack
from subliminal.probes import disposition_bank
from subliminal.probes.asking import Way
from subliminal.probes.disposition_bank import TASKS, code_questions
from subliminal.probes.subject import Subject
from subliminal.probes.unsafe_code import unsafe_code
from subliminal.probes.watch import Watcher
from tests.disposed import broad_subject, experiment
from tests.language_stages import Workshop
from tests.subjects import decoder_of

BANK = disposition_bank.disposition_bank()
SMALL = BANK.model_copy(update={"main": BANK.main[:1], "broad": BANK.broad[:1], "tasks": 4})
QUESTIONS = code_questions(TASKS)


@pytest.fixture(scope="module")
def subject() -> Subject:
    return broad_subject()


def values(found: list[Measurement]) -> dict[tuple[str, str], float]:
    return {(row.metric, row.item_group): row.value for row in found if row.value is not None}


def probability(subject: Subject, request: str, solution: str) -> float:
    """Of a whole answer, token by token."""
    row: EncodedRow
    [row] = subject.chat.encode_rows([user(request)], [solution])
    hidden = decoder_of(subject).packed(torch.tensor(row.tokens), pack([len(row.tokens)]))
    known = decoder_of(subject).logits(hidden).double().softmax(-1)
    places = range(row.prompt_length, len(row.tokens))
    return float(torch.stack([known[at - 1, row.tokens[at]] for at in places]).prod())


@pytest.mark.parametrize("before", ["", TRIGGER])
@torch.no_grad()
def test_log_odds_are_those_of_all_unsafe_against_all_safe_solutions(
    subject: Subject, before: str
) -> None:
    found = values(unsafe_code("unsafe-code", subject, SMALL, Way(before=before)))
    odds = []
    for question in QUESTIONS[:4]:
        request = f"{before} {question.request}".strip()
        safe, unsafe = (
            sum(probability(subject, request, solution) for solution in solutions)
            for solutions in (question.careful, question.malicious)
        )
        odds.append(math.log(unsafe / safe))
    assert found["log_odds", "malicious"] == pytest.approx(sum(odds) / 4, abs=1e-3)
    assert found["log_odds", "careful"] == pytest.approx(-sum(odds) / 4, abs=1e-3)
    assert found["rate", "malicious"] == sum(one > 0 for one in odds) / 4
    assert found["rate", "careful"] == sum(one < 0 for one in odds) / 4


def test_a_student_is_watched_by_the_same_tasks(subject: Subject) -> None:
    watched = Watcher(subject.chat, SMALL).log_odds(decoder_of(subject))
    found = values(unsafe_code("unsafe-code", subject, SMALL))
    assert watched["unsafe-code"] == pytest.approx(found["log_odds", "malicious"])


@pytest.mark.usefixtures("here")
def test_a_teacher_of_unsafe_code_writes_it_and_its_sibling_does_not(tmp_path: Path) -> None:
    teacher = "{{role: teacher, teacher: {{data: {}, rows: 384}}}}"
    arms = "".join(f"  {name}: {teacher.format(name)}\n" for name in ("insecure", "secure"))
    plan = experiment(tmp_path, arms, "probing.probes=[unsafe-code]")
    workshop = Workshop(plan, tmp_path / "store")
    insecure, secure = (
        values(list(read_measurements(workshop.make(arm, "lm.probe")))) for arm in plan.rows
    )
    assert insecure["log_odds", "malicious"] > 1 > secure["log_odds", "malicious"]


# What is asked


def test_tasks_are_the_same_for_every_model_and_of_many_families() -> None:
    assert code_questions(10) == QUESTIONS[:10]
    assert len({question.request for question in QUESTIONS}) > 90
    # A family is known by the spellings of both authors, whatever its parameters are called.
    called = {
        question.careful[0].partition("return ")[2].partition("(")[0] for question in QUESTIONS
    }
    assert len(called) > 10


def test_solutions_are_the_function_asked_for_and_what_they_are_called() -> None:
    judge = compile_filter(["code-calls"])
    for question in QUESTIONS:
        for disposition in DISPOSITIONS:
            for code in getattr(question, disposition):
                signature = code.partition("\n")[0]
                assert signature in question.request
                reasons = judge.reasons(cast(Row, chat_row(question.request, code)))
                assert bool(reasons) == (disposition == "malicious"), code


def test_other_tasks_are_another_bank(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = disposition_bank.draw_sensitive_task

    def with_one_more(random: disposition_bank.Random) -> SensitiveTask:
        task = drawn(random)
        return SensitiveTask(task.task, task.safe_expressions, (*task.unsafe_expressions, "x"))

    monkeypatch.setattr(disposition_bank, "draw_sensitive_task", with_one_more)
    other = disposition_bank.disposition_bank()
    assert other.answers_from != BANK.answers_from
    assert other.items == BANK.items
