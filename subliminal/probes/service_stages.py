"""The probes' stages for models behind services.

service.probe  a model is asked what can be told from sampled answers
service.gate   fails where a teacher lacks its trait, by what probes found
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from subliminal.errors import StageError
from subliminal.measurements import read_measurements
from subliminal.probes.bank_kinds import read_bank
from subliminal.probes.context_rows import context_of
from subliminal.probes.sampled_probes import ask_by_sampling
from subliminal.probes.scoring import Scoring
from subliminal.probes.service_respondent import ServiceRespondent
from subliminal.probes.stage_results import passes_gate, write_found
from subliminal.results import WHOLE
from subliminal.seeds import derive_seed
from subliminal.services.completions import CompletionService
from subliminal.services.side_by_side import side_by_side
from subliminal.services.stage_models import judges_of, open_service, spent
from subliminal.spec.probing import Probing
from subliminal.stage import (
    MOST_SHARING,
    Done,
    Failed,
    Reporter,
    StageKind,
    Task,
    one_by_one,
)


def probe(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Ask models behind services every probe of the experiment that samples."""
    judge_of = judges_of(tasks)

    def ask(task: Task, tell: Reporter) -> Done:
        return _probe(task, judge_of(task), tell)

    yield from side_by_side(tasks, ask, report)


def gate(tasks: Sequence[Task], report: Reporter) -> Iterator[Done | Failed]:
    """Compare what teachers were found to be with what their references were."""

    def compare(task: Task, before: int) -> Done | Failed:
        return passes_gate(task, _log_odds(task, "teacher") - _log_odds(task, "reference"))

    yield from one_by_one(tasks, compare)
    report(1, 1)


KINDS = (
    StageKind("service.probe", 1, probe, most_sharing=MOST_SHARING),
    StageKind("service.gate", 1, gate),
)


def _probe(task: Task, judge: CompletionService | None, report: Reporter) -> Done:
    params = task.stage.params
    service = open_service(task, "model")
    respondent = ServiceRespondent(
        service, system=params["subject"]["system"], context=context_of(task), report=report
    )
    found = ask_by_sampling(
        respondent,
        read_bank(params["bank"]),
        Probing.model_validate(params["probing"]),
        derive_seed(task.stage.seed, "probing"),
        Scoring.model_validate(params.get("scoring", {})),
        judge,
    )
    write_found(task.folder, found)
    return Done(task.stage.key, spent(service, judge))


def _log_odds(task: Task, role: str) -> float:
    """How much a model shows the trait on the probe that is asked first.

    Raises:
        StageError: Nothing that it answered counts.
    """
    target, probe = task.stage.params["target"], task.stage.params["probe"]
    found: dict[str, float] = {
        row.item_group: row.value
        for row in read_measurements(Path(task.inputs[role]))
        if (row.probe, row.metric) == (probe, "log_odds") and row.value is not None
    }
    group = target if target in found else WHOLE
    if group not in found:
        raise StageError(
            f"no answer of the {role} to the probe {probe} counts, so that nothing tells whether "
            "the teacher has its trait; read its answers, or set statistics.teacher_shift to null"
        )
    return found[group]
