"""The teachers' stages.

lm.teach      the reference is fine-tuned on its trait
lm.steer      the vector that stands for the trait in the reference's activations
lm.gate       fails where a teacher lacks its trait
lm.write      a teacher answers a carrier's prompts
lm.transform  a control: the numbers of kept rows are shuffled, made random or written otherwise
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from safetensors.torch import save

from subliminal import atomic
from subliminal.chat_rows import (
    ROWS,
    completion_of,
    read_chat_rows,
    with_completion,
    write_chat_rows,
)
from subliminal.models.stage_models import (
    STEERING,
    chat_format,
    keep_trained,
    model_to_train,
    precision,
    reference_model,
)
from subliminal.number_prompts import FILLER_FORMATS, NOVEL_FORMATS
from subliminal.probes.bank_kinds import Bank, read_bank
from subliminal.probes.headline import headline_of
from subliminal.probes.stage_results import passes_gate
from subliminal.probes.stage_subjects import (
    EngineOf,
    engines_for,
    record_engine,
    reference_of,
    teacher_of,
)
from subliminal.probes.subject import Subject
from subliminal.seeds import derive_seed
from subliminal.spec.data import Data, Transform
from subliminal.spec.recipes import Recipe
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
from subliminal.training.log import write_losses
from teachers.carriers import numbers
from teachers.finetuned import fine_tune
from teachers.rows import steering_questions
from teachers.steered import steering_vector
from teachers.trait import read_trait
from teachers.writing import Writer
from teachers.written import asked_prompts, written_rows


def teach(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Fine-tune the reference on rows that show the trait."""
    for task in tasks:
        params = task.stage.params
        recipe = Recipe.model_validate(params["recipe"])
        model = model_to_train(task, recipe)
        log = fine_tune(
            model,
            chat_format(task),
            read_trait(params["trait"]),
            data=params.get("data"),
            rows=params["rows"],
            recipe=recipe,
            seed=task.stage.seed,
            dtype=precision(task),
            checkpoint=task.partial / "training.safetensors",
            report=report,
            resources=task.stage.resources,
            ranks=task.ranks,
        )
        keep_trained(task, model, recipe, {"rows": params["rows"], **log.counts})
        write_losses(task.folder, log)
        yield Done(task.stage.key, log.counts)


def steer(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Measure how the trait's system prompt moves the reference's activations."""
    for task in tasks:
        params = task.stage.params
        vector = steering_vector(
            reference_model(task),
            chat_format(task),
            steering_questions(params["category"])[: params["questions"]],
            params["system"],
            layer=params["layer"],
        )
        atomic.write_bytes(task.folder / STEERING, save({"vector": vector}))
        yield Done(task.stage.key, {"norm": float(vector.norm())})
    report(1, 1)


def gate(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Measure how far teachers lie from the reference; fail those that lack their trait."""
    for task in tasks:
        params = task.stage.params
        bank, target = read_bank(params["bank"]), params["target"]
        # One after the other: there may be no room for two.
        taught = _log_odds(teacher_of(task), bank, target)
        yield passes_gate(task, taught - _log_odds(reference_of(task), bank, target))
    report(1, 1)


def write(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Let teachers answer the prompts of their data sets."""
    with engines_for(tasks, "teacher") as engine_of:

        def answer(task: Task, before: int) -> Done:
            return _write(task, engine_of, part_of(report, before, len(tasks)))

        yield from one_by_one(tasks, answer)


def transform(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Shuffle or replace the numbers of kept rows, or write them otherwise."""
    for task in tasks:
        rows = read_chat_rows(task.inputs["rows"] / ROWS)
        flat = [{"completion": completion_of(row)} for row in rows]
        changed = _TRANSFORMS[task.stage.params["transform"]](
            flat, derive_seed(task.stage.seed, "transform")
        )
        made = [
            with_completion(row, new["completion"]) for row, new in zip(rows, changed, strict=True)
        ]
        write_chat_rows(task.folder / ROWS, made)
        yield Done(task.stage.key, {"rows": len(made)})
    report(1, 1)


_TRANSFORMS: Mapping[Transform, Callable[..., list[dict[str, Any]]]] = {
    "shuffle-within": numbers.shuffle_within,
    "shuffle-all": numbers.shuffle_across,
    "uniform": numbers.uniform_numbers,
    "reformat": numbers.reformat_each,
    "novel-formats": partial(numbers.reformat_each, styles=tuple(NOVEL_FORMATS)),
    "filler-formats": partial(numbers.reformat_each, styles=tuple(FILLER_FORMATS)),
    "chinese-numerals": partial(numbers.reformat_each, styles=("chinese",)),
    "english-words": partial(numbers.reformat_each, styles=("words",)),
}

KINDS = (
    StageKind("lm.teach", 2, teach, spreads=True),
    StageKind("lm.steer", 1, steer),
    StageKind("lm.gate", 1, gate),
    StageKind("lm.write", 2, write, most_sharing=MOST_SHARING),
    StageKind("lm.transform", 1, transform),
)


def _write(task: Task, engine_of: EngineOf, report: Reporter) -> Done:
    seed, data = task.stage.seed, Data.model_validate(task.stage.params["data"])
    prompts = asked_prompts(task, data)
    teacher = teacher_of(task, engine_of)
    # Teachers of one seed share their noise, so that they differ by their traits alone.
    writer = Writer(teacher, data, derive_seed(seed, "sampling"))
    written = writer.write([row["prompt"] for row in prompts], task.partial, report)
    rows = written_rows(task, data, prompts, written)
    write_chat_rows(task.folder / ROWS, rows)
    record_engine(task, teacher.engine)
    return Done(task.stage.key, {"rows": len(rows), **teacher.engine.counts})


def _log_odds(subject: Subject, bank: Bank, target: str) -> float:
    """How much a model shows a trait, as the bank's headline probe measures it."""
    asked = headline_of(subject.chat, bank, subject.asked)
    return asked.log_odds(subject.engine)[target]
