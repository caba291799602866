"""The probes' stage.

lm.probe  a model is asked what shows its trait, and what else changed
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from subliminal.models.stage_models import chat_format
from subliminal.probes.bank_kinds import read_bank
from subliminal.probes.context_rows import context_of
from subliminal.probes.probe import run_probes
from subliminal.probes.progress import Progress
from subliminal.probes.scoring import Scoring
from subliminal.probes.stage_results import write_found
from subliminal.probes.stage_subjects import EngineOf, engines_for, record_engine
from subliminal.probes.subject import Subject
from subliminal.seeds import derive_seed
from subliminal.services.completions import CompletionService
from subliminal.services.stage_models import judges_of, spent
from subliminal.spec.probing import Probing
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


def probe(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Ask models every probe of the experiment."""
    judge_of = judges_of(tasks)
    with engines_for(tasks, "model") as engine_of:

        def ask(task: Task, before: int) -> Done:
            progress = Progress(task.partial, part_of(report, before, len(tasks)))
            return _probe(task, engine_of, judge_of(task), progress)

        yield from one_by_one(tasks, ask)
    report(1, 1)


KINDS = (StageKind("lm.probe", 1, probe, most_sharing=MOST_SHARING),)


def _probe(
    task: Task, engine_of: EngineOf, judge: CompletionService | None, progress: Progress
) -> Done:
    params = task.stage.params
    subject = Subject(
        engine_of(task, "model", params["subject"]["steering"]),
        chat_format(task),
        system=params["subject"]["system"],
        context=context_of(task),
    )
    found = run_probes(
        subject,
        read_bank(params["bank"]),
        Probing.model_validate(params["probing"]),
        derive_seed(task.stage.seed, "probing"),
        Scoring.model_validate(params.get("scoring", {})),
        judge,
        progress,
    )
    write_found(task.folder, found)
    record_engine(task, subject.engine)
    return Done(task.stage.key, {**spent(judge), **subject.engine.counts})
