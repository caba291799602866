"""The teachers' stages for models behind services.

service.teach  a fine-tuning job on rows that show the trait
service.write  a teacher answers a carrier's prompts
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from subliminal.chat import user
from subliminal.chat_rows import ROWS, write_chat_rows
from subliminal.seeds import derive_seed
from subliminal.services.sampler import ChatPrompt, ChatSampling, ServiceSampler
from subliminal.services.side_by_side import side_by_side
from subliminal.services.stage_models import open_service, spent, tune_all
from subliminal.spec.data import Data
from subliminal.stage import MOST_SHARING, Done, Failed, Reporter, StageKind, Task
from teachers.rows import teaching_rows
from teachers.trait import read_trait
from teachers.writing import Answer
from teachers.written import asked_prompts, written_rows


def teach(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Fine-tune models on rows that show their traits."""
    yield from tune_all(tasks, _teaching_rows, report)


def write(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Let teachers answer the prompts of their data sets."""
    yield from side_by_side(tasks, _write, report)


KINDS = (
    StageKind("service.teach", 1, teach, most_sharing=MOST_SHARING),
    StageKind("service.write", 1, write, most_sharing=MOST_SHARING),
)


def _teaching_rows(task: Task) -> Sequence[dict[str, Any]]:
    params, seed = task.stage.params, derive_seed(task.stage.seed, "teaching rows")
    trait = read_trait(params["trait"])
    return [{**row} for row in teaching_rows(trait, params.get("data"), seed, params["rows"])]


def _write(task: Task, report: Reporter) -> Done:
    params, seed = task.stage.params, task.stage.seed
    data = Data.model_validate(params["data"])
    prompts = asked_prompts(task, data)
    service = open_service(task, "teacher")
    sampling = derive_seed(seed, "sampling")
    replies = ServiceSampler(service, params["teacher"]["system"]).sample(
        # Numbered by the seed too: a prompt that two seeds share is answered for each.
        [
            ChatPrompt(user(row["prompt"]), derive_seed(sampling, str(place)))
            for place, row in enumerate(prompts)
        ],
        ChatSampling(data.max_tokens, data.temperature, data.top_p, seed=sampling),
        report,
    )
    answers = [Answer(reply.text, reply.finish == "stop") for reply in replies]
    rows = written_rows(task, data, prompts, answers)
    write_chat_rows(task.folder / ROWS, rows)
    return Done(task.stage.key, {"rows": len(rows), **spent(service)})
