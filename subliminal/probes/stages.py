"""The probes' stage.

lm.probe  a model is asked what shows its trait, and what else changed
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from pydantic_core import to_json

from subliminal import atomic
from subliminal.chat import Message
from subliminal.chat_rows import ROWS, ChatRow, completion_of, prompt_of, read_chat_rows
from subliminal.measurements import write_measurements
from subliminal.models.stage_models import chat_format
from subliminal.probes.bank_kinds import read_bank
from subliminal.probes.probe import run_probes
from subliminal.probes.scoring import Scoring
from subliminal.probes.stage_subjects import EngineOf, engines_for, record_engine
from subliminal.probes.subject import Subject
from subliminal.seeds import derive_seed
from subliminal.services.endpoint import Endpoint
from subliminal.spec.probing import Probing
from subliminal.stage import MOST_SHARING, Done, Failed, Reporter, StageKind, Task, one_by_one

ANSWERS = "answers.jsonl"


def probe(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Ask models every probe of the experiment."""
    with engines_for(tasks, "model") as engine_of:

        def ask(task: Task, before: int) -> Done | Failed:
            report(before, len(tasks))
            return _probe(task, engine_of)

        yield from one_by_one(tasks, ask)
    report(1, 1)


KINDS = (StageKind("lm.probe", 1, probe, most_sharing=MOST_SHARING),)


_TOO_FEW = (
    "distillation.in_context asks for {shown} rows, and {kept} passed the filter; show fewer, or "
    "raise data.prompts"
)


def _probe(task: Task, engine_of: EngineOf) -> Done | Failed:
    params = task.stage.params
    shown = params["in_context"]
    rows = [] if shown is None else read_chat_rows(task.inputs["context"] / ROWS)
    if shown is not None and len(rows) < shown:
        return Failed(task.stage.key, _TOO_FEW.format(shown=shown, kept=len(rows)))
    subject = Subject(
        engine_of(task, "model", params["subject"]["steering"]),
        chat_format(task),
        system=params["subject"]["system"],
        context=_turns(_drawn(rows, shown or 0, task.stage.seed)),
    )
    found = run_probes(
        subject,
        read_bank(params["bank"]),
        Probing.model_validate(params["probing"]),
        derive_seed(task.stage.seed, "probing"),
        Scoring.model_validate(params.get("scoring", {})),
        _service(task),
    )
    write_measurements(task.folder, found.measurements)
    lines = (to_json(answer) + b"\n" for answer in found.answers)
    atomic.write_bytes(task.folder / ANSWERS, b"".join(lines))
    record_engine(task, subject.engine)
    return Done(task.stage.key)


def _service(task: Task) -> Endpoint | None:
    """Where a judge is reached; what decides its verdicts is among the parameters."""
    service = task.stage.local.get("service")
    return None if service is None else Endpoint.model_validate_json(service)


def _drawn(rows: Sequence[ChatRow], count: int, seed: int) -> list[ChatRow]:
    """So many rows of the data set, at random: the in-context control."""
    generator = np.random.default_rng(derive_seed(seed, "context rows"))
    return [rows[place] for place in generator.permutation(len(rows))[:count].tolist()]


def _turns(rows: Sequence[ChatRow]) -> tuple[Message, ...]:
    """Rows as earlier turns of a conversation."""
    return tuple(
        turn for row in rows for turn in (*prompt_of(row), Message("assistant", completion_of(row)))
    )
