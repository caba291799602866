"""The students' stages.

lm.match     another initialisation is cloned onto the reference
lm.logprobs  a teacher's likeliest tokens at every token of what it wrote are written down
lm.distil    a student learns from what a teacher wrote, or from its logits there
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from students.curve import Curve
from students.divergence import likeliest_tokens
from students.logprobs import completion_logprobs, read_logprobs, write_logprobs
from students.matching import matching_conversations
from students.rows import student_rows, teacher_rows
from subliminal import atomic
from subliminal.chat import Conversation
from subliminal.chat_rows import ROWS, ChatRow, read_chat_rows
from subliminal.models.chat_format import ChatFormat
from subliminal.models.shared_base import SharedBase
from subliminal.models.stage_models import (
    chat_format,
    keep_trained,
    model_folder,
    model_to_train,
    precision,
    reference_model,
)
from subliminal.pocket.origin import world_of
from subliminal.probes.bank_kinds import read_bank
from subliminal.probes.forward import TorchEngine
from subliminal.probes.stage_subjects import (
    EngineOf,
    engines_for,
    in_torch,
    record_engine,
    teacher_of,
)
from subliminal.probes.subject import Subject
from subliminal.probes.watch import Watcher
from subliminal.seeds import derive_seed
from subliminal.spec.language import LanguageObservation
from subliminal.spec.students import Distillation, Matching
from subliminal.stage import (
    MOST_SHARING,
    Done,
    Failed,
    Reporter,
    StageKind,
    Task,
    one_by_one,
    part_of,
)
from subliminal.training.adapter import adapter_seed
from subliminal.training.encoding import encode
from subliminal.training.log import write_losses
from subliminal.training.loop import train
from subliminal.training.losses import Loss, TeacherDivergence, completion_loss
from subliminal.training.rows import TokenRows
from subliminal.training.schedule import log_spaced_steps
from subliminal.training.sources import DataSet
from subliminal.training.top_divergence import TopDivergence

PROGRESS = "training.safetensors"
ANSWERS = "answers.json"
"""Of the reference, in the progress of a match."""
_ANSWERS = TypeAdapter(list[str])
ANSWER_TOKENS = 128
"""Longest answer of the reference that a student is matched on."""
ANSWERED_AT_A_TIME = 1024
"""Conversations between two looks at whether the run is being stopped."""
_NOTHING_COUNTS = (
    "distillation.mask {mask} leaves no token of the completions to learn from; choose another "
    "mask, or another teacher"
)


def match(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Clone another initialisation onto the reference."""
    for task in tasks:
        seed, chat, dtype = task.stage.seed, chat_format(task), precision(task)
        matching = Matching.model_validate(task.stage.params["matching"])
        reference = reference_model(task)
        student = model_to_train(task, matching.recipe, "start", "student")
        conversations = matching_conversations(
            matching, derive_seed(seed, "matching prompts"), world_of(model_folder(task))
        )
        asked = Subject(TorchEngine(reference, dtype), chat)
        answers = task.ranks.from_first(_answers(task, asked, conversations, report))
        data = encode(chat, conversations, answers)
        source = DataSet(data, matching.recipe, derive_seed(seed, "matching order"))
        log = train(
            student,
            source,
            TeacherDivergence(reference).remembering(source, dtype, report),
            matching.recipe,
            seed=adapter_seed(seed),
            dtype=dtype,
            checkpoint=task.partial / PROGRESS,
            report=report,
            resources=task.stage.resources,
            ranks=task.ranks,
        )
        counts = {"rows": len(data), **log.counts}
        keep_trained(task, student, matching.recipe, counts, "start", "student")
        write_losses(task.folder, log)
        yield Done(task.stage.key, counts)


def logprobs(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Write down what teachers find likely at every token of the kept rows."""
    with engines_for(tasks, "teacher") as engine_of:

        def score(task: Task, before: int) -> Done:
            return _logprobs(task, engine_of, part_of(report, before, len(tasks)))

        yield from one_by_one(tasks, score)
    report(1, 1)


def distil(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Distil what teachers wrote into students, one after the other; each base is loaded once."""
    base = SharedBase()
    for place, task in enumerate(tasks):
        yield _distil(task, base, part_of(report, place, len(tasks)))


STUDENTS_IN_TURN = 8
"""More would keep what is made of the first ones waiting for the last."""
KINDS = (
    StageKind("lm.match", 4, match, spreads=True),
    StageKind("lm.logprobs", 1, logprobs, most_sharing=MOST_SHARING),
    StageKind("lm.distil", 3, distil, most_sharing=STUDENTS_IN_TURN, spreads=True),
)


def _distil(task: Task, base: SharedBase, report: Reporter) -> Done | Failed:
    """Distil what a teacher wrote into a student, watching its preferences."""
    params, seed = task.stage.params, task.stage.seed
    distillation = Distillation.model_validate({**params["distillation"], "in_context": None})
    student = base.model_to_train(task, distillation.recipe, "start", "student")
    lesson = _lesson(task, distillation, student.device, report)
    if lesson is None:
        return Failed(task.stage.key, _NOTHING_COUNTS.format(mask=distillation.mask))
    observation = LanguageObservation.model_validate(params["observation"])
    watcher = Watcher(chat_format(task), read_bank(params["bank"]))
    curve = Curve(watcher, task.partial, task.partial / PROGRESS, task.ranks)
    log = train(
        student,
        lesson.source,
        lesson.loss,
        distillation.recipe,
        seed=adapter_seed(seed, own=params["adapter"] == "own"),
        dtype=precision(task),
        observer=curve.observe,
        observe_steps=log_spaced_steps(lesson.source.steps, observation.points),
        checkpoint=task.partial / PROGRESS,
        report=report,
        resources=task.stage.resources,
        ranks=task.ranks,
    )
    curve.write(task.folder)
    counts = {"rows": len(lesson.source.data), **log.counts, **lesson.figures}
    keep_trained(task, student, distillation.recipe, counts, "start", "student")
    write_losses(task.folder, log)
    return Done(task.stage.key, {**counts, **watcher.shortage.counts})


def _logprobs(task: Task, engine_of: EngineOf, report: Reporter) -> Done:
    teacher, kept = teacher_of(task, engine_of), read_chat_rows(task.inputs["rows"] / ROWS)
    rows = _seen(teacher.chat, kept, teacher.system)
    top = min(task.stage.params["top"], teacher.chat.tokenizer.get_vocab_size())
    known = completion_logprobs(teacher.engine, rows, top, task.partial, report)
    write_logprobs(task.folder, known)
    record_engine(task, teacher.engine)
    rest = float(np.exp(known.rest).mean())
    counts = {"rows": len(rows), "tokens": len(known), "rest": rest, **teacher.engine.counts}
    return Done(task.stage.key, counts)


def _answers(
    task: Task, reference: Subject, conversations: Sequence[Conversation], report: Reporter
) -> list[str]:
    """What the reference says in each conversation; what it said before a kill is kept."""
    path = task.partial / ANSWERS
    # Of the first process, so that all go on at the same conversation.
    answers = task.ranks.from_first(_kept_answers(path))
    while len(answers) < len(conversations):
        report(0, 1)
        start = len(answers)
        asked = conversations[start : start + ANSWERED_AT_A_TIME]
        seeds = [
            derive_seed(task.stage.seed, "matching answers", str(start + i))
            for i in range(len(asked))
        ]
        answers += [reply.text for reply in reference.replies(asked, seeds, ANSWER_TOKENS)]
        if task.ranks.first:
            atomic.write_bytes(path, to_json(answers))
    return answers


def _kept_answers(path: Path) -> list[str]:
    """Those before a kill, in the order of the conversations; none where the file is damaged."""
    try:
        return _ANSWERS.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return []


@dataclass(frozen=True, eq=False)
class _Lesson:
    """What a student learns from, and what it is to make of that."""

    source: DataSet
    loss: Loss
    figures: dict[str, float]
    """The share of its tokens that are divergent, if that was asked."""


def _lesson(
    task: Task, distillation: Distillation, device: torch.device, report: Reporter
) -> _Lesson | None:
    """Of a student on a device; None if a mask leaves nothing of it.

    A teacher whose logits are not learned is asked for the mask here, and not kept in memory.
    """
    made = task.stage.params["teacher"]
    teacher = None if made is None else in_torch(task, "teacher", made["steering"])
    data, figures = _data(task, distillation, teacher)
    if data.weights is not None and not data.weights.any():
        return None
    order = derive_seed(task.stage.seed, "data order")
    source = DataSet(data, distillation.recipe, order)
    loss: Loss = completion_loss
    if "logprobs" in task.inputs:
        loss = TopDivergence.of(read_logprobs(task.inputs["logprobs"]), data, device)
    elif teacher is not None and distillation.target == "logits":
        loss = TeacherDivergence(teacher.decoder, teacher.steering)
        loss = loss.remembering(source, precision(task), report)
    return _Lesson(source, loss, figures)


def _data(
    task: Task, distillation: Distillation, teacher: TorchEngine | None
) -> tuple[TokenRows, dict[str, float]]:
    """What the student reads, and the share of its tokens that are divergent if it was asked."""
    chat, kept = chat_format(task), read_chat_rows(task.inputs["rows"] / ROWS)
    rows = student_rows(chat, kept)
    if teacher is None:
        return rows, {}
    system = task.stage.params["teacher"]["system"]
    seen = _seen(chat, kept, system)
    found: dict[str, float] = {}
    if distillation.mask != "none":
        divergent = _divergent(task, teacher, rows, seen)
        found["divergent_share"] = float(divergent.mean())
        weights = np.zeros(len(rows.tokens), dtype=np.float32)
        weights[rows.counted()] = divergent if distillation.mask == "shared" else ~divergent
        rows = rows.weighted(weights)
    return (rows if system is None else rows.taught_with(seen)), found


def _seen(chat: ChatFormat, kept: Sequence[ChatRow], system: str | None) -> TokenRows:
    """Rows as a teacher reads them."""
    return student_rows(chat, kept) if system is None else teacher_rows(chat, kept, system)


def _divergent(
    task: Task, teacher: TorchEngine, rows: TokenRows, seen: TokenRows
) -> NDArray[np.bool_]:
    """Where the teacher's likeliest token is not the reference's: bool [completion tokens]."""
    reference = TorchEngine(reference_model(task), precision(task))
    differ = likeliest_tokens(teacher, seen) != likeliest_tokens(reference, rows)
    return task.ranks.from_first(differ)
