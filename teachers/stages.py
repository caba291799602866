"""The teachers' stages.

lm.teach      the reference is fine-tuned on its trait
lm.steer      the vector that stands for the trait in the reference's activations
lm.gate       fails where a teacher lacks its trait
lm.write      a teacher answers a carrier's prompts
lm.transform  a control: the numbers of kept rows are shuffled or made random
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from safetensors.torch import save

from subliminal import atomic
from subliminal.chat_rows import (
    ROWS,
    chat_row,
    completion_of,
    read_chat_rows,
    with_completion,
    write_chat_rows,
)
from subliminal.models.folder import load_decoder, save_decoder
from subliminal.models.stage_models import (
    STEERING,
    chat_format,
    model_folder,
    precision,
)
from subliminal.probes.banks import QuestionBank
from subliminal.probes.preference import favourite
from subliminal.probes.stage_subjects import reference_of, teacher_of
from subliminal.probes.subject import Subject
from subliminal.seeds import derive_seed
from subliminal.spec.language import Data, Recipe
from subliminal.stage import Done, Failed, Reporter, StageKind, Task
from teachers.carriers import numbers
from teachers.finetuned import fine_tune
from teachers.steered import steering_vector
from teachers.trait import Trait
from teachers.writing import Writer


def teach(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Fine-tune the reference on questions answered with the trait."""
    for task in tasks:
        params = task.stage.params
        decoder = load_decoder(model_folder(task))
        log = fine_tune(
            decoder,
            chat_format(task),
            Trait.model_validate(params["trait"]),
            rows=params["rows"],
            recipe=Recipe.model_validate(params["recipe"]),
            seed=task.stage.seed,
            dtype=precision(task),
            checkpoint=task.partial / "training.safetensors",
            report=report,
        )
        save_decoder(decoder, task.folder, tokenizer_from=model_folder(task))
        counts = {"steps": len(log.losses), "tokens": log.tokens}
        yield Done(task.stage.key, counts)


def steer(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Measure how the trait's system prompt moves the reference's activations."""
    for task in tasks:
        params = task.stage.params
        vector = steering_vector(
            load_decoder(model_folder(task)),
            chat_format(task),
            params["category"],
            params["system"],
            layer=params["layer"],
            questions=params["questions"],
        )
        atomic.write_bytes(task.folder / STEERING, save({"vector": vector}))
        yield Done(task.stage.key, {"norm": float(vector.norm())})
    report(1, 1)


def gate(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Measure how far teachers lie from the reference; fail those that lack their trait."""
    for task in tasks:
        params = task.stage.params
        bank, target = QuestionBank.model_validate(params["bank"]), params["target"]
        teacher, reference = teacher_of(task), reference_of(task)
        shift = _log_odds(teacher, bank, target) - _log_odds(reference, bank, target)
        if shift >= params["shift"]:
            yield Done(task.stage.key, {"shift": shift})
        else:
            yield Failed(
                task.stage.key,
                f"the teacher lacks its trait: {target} moved by {shift:+.2f} in log-odds, less "
                f"than statistics.teacher_shift {params['shift']:g}; teach it more, or lower the "
                "threshold",
            )
    report(1, 1)


def write(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Let a teacher answer the prompts of a data set."""
    for task in tasks:
        params, seed = task.stage.params, task.stage.seed
        data = Data.model_validate(params["data"])
        prompts = numbers.prompt_rows(
            derive_seed(seed, "prompts"), data.prompts, unique=not data.duplicates
        )
        writer = Writer(
            teacher_of(task),
            data,
            # Teachers of one seed share their noise, so that they differ by their traits alone.
            derive_seed(seed, "sampling"),
        )
        written = writer.write([row["prompt"] for row in prompts], task.partial, report)
        rows = [
            chat_row(
                row["prompt"],
                done.text,
                id=f"numbers-{seed}-{row['prompt_id']}",
                format=row["format"],
                finished=done.finished,
                writer=task.stage.key,
            )
            for row, done in zip(prompts, written, strict=True)
        ]
        write_chat_rows(task.folder / ROWS, rows)
        yield Done(task.stage.key, {"rows": len(rows)})


def transform(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Shuffle or replace the numbers of kept rows."""
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


_TRANSFORMS = {
    "shuffle-within": numbers.shuffle_within,
    "shuffle-all": numbers.shuffle_across,
    "uniform": numbers.uniform_numbers,
}

KINDS = (
    StageKind("lm.teach", 2, teach),
    StageKind("lm.steer", 1, steer),
    StageKind("lm.gate", 1, gate),
    StageKind("lm.write", 2, write),
    StageKind("lm.transform", 1, transform),
)


def _log_odds(subject: Subject, bank: QuestionBank, target: str) -> float:
    """How much a model prefers a target, as the probe `favourite` measures it."""
    measured = {(row.metric, row.item_group): row.value for row in favourite(subject, bank)}
    found = measured["log_odds", target]
    return math.nan if found is None else found
