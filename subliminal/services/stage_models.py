"""The services that a stage asks, and what it spends there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from subliminal import atomic
from subliminal.services.batch_service import BatchService
from subliminal.services.chat_service import ChatService
from subliminal.services.completions import CompletionService
from subliminal.services.endpoint import Endpoint
from subliminal.services.fine_tuning import FineTuned, fine_tune, read_result
from subliminal.services.ledger import Ledger
from subliminal.services.polling import Polling
from subliminal.services.reply_cache import ReplyCache, default_cache
from subliminal.services.service_seed import service_seed
from subliminal.services.side_by_side import side_by_side
from subliminal.services.tuning import FineTuning
from subliminal.stage import Done, Failed, Reporter, Stage, Task, digest

FINE_TUNED = "fine-tuned.json"
LEDGER, JUDGE_LEDGER = "ledger.jsonl", "judge-ledger.jsonl"
POLLING = Polling()
"""How often services are asked how far their jobs are."""


def endpoint_of(task: Task, made: str = "") -> Endpoint:
    """A stage's service, with the model of an input artifact if it has one in that role."""
    endpoint = Endpoint.model_validate_json(task.stage.local["service"])
    if made not in task.inputs:
        return endpoint
    return endpoint.model_copy(update={"model": read_result(task.inputs[made] / FINE_TUNED).model})


def open_service(task: Task, made: str = "") -> CompletionService:
    """A service to ask for completions; nothing is asked yet.

    Replies are kept apart by model and seed, since whoever asks reads all that are kept together.
    """
    endpoint = endpoint_of(task, made)
    kept_as = digest([endpoint.base_url, endpoint.model, task.stage.seed])
    replies = ReplyCache(default_cache("samples") / kept_as)
    ledger = Ledger(task.partial / LEDGER)
    if endpoint.batches:
        return BatchService(endpoint, replies, task.partial, POLLING, ledger=ledger)
    return ChatService(endpoint, replies, ledger=ledger)


JudgeOf = Callable[[Task], CompletionService | None]
"""Opens the service of a stage's judge, if it has one; nothing is asked yet."""


def judges_of(tasks: Sequence[Task]) -> JudgeOf:
    """How the judges of a lot's stages are opened; their replies, maybe millions, are read once.

    What decides their verdicts is among the stages' parameters.

    Raises:
        UserError: The replies cannot be read.
    """
    judged = any("judge" in task.stage.local for task in tasks)
    replies = ReplyCache(default_cache("judges")) if judged else None

    def judge_of(task: Task) -> CompletionService | None:
        stated = task.stage.local.get("judge")
        if stated is None or replies is None:
            return None
        ledger = Ledger(task.partial / JUDGE_LEDGER)
        return ChatService(Endpoint.model_validate_json(stated), replies, ledger=ledger)

    return judge_of


def spent(*services: CompletionService | None) -> dict[str, float]:
    """What a stage used of the services that it asks, before a kill too, for its manifest.

    There is no `cost` where the price of one of them is not known.
    """
    meters = [service.meter for service in services if service is not None]
    if not meters:
        return {}
    costs = [meter.cost for meter in meters]
    counts: dict[str, float] = {
        "requests": sum(meter.usage.requests for meter in meters),
        "prompt_tokens": sum(meter.usage.prompt_tokens for meter in meters),
        "completion_tokens": sum(meter.usage.completion_tokens for meter in meters),
    }
    return counts if None in costs else {**counts, "cost": sum(filter(None, costs))}


def job_of(stage: Stage, artifact: Path) -> tuple[str, str] | None:
    """The fine-tuning job that a stage's artifact came from, if one did.

    Returns:
        The address of its service, and its name there.
    """
    result = artifact / FINE_TUNED
    if not result.is_file():
        return None
    service = Endpoint.model_validate_json(stage.local["service"])
    return service.base_url, read_result(result).job


def tune_all(
    tasks: Sequence[Task],
    rows_of: Callable[[Task], Sequence[Mapping[str, Any]]],
    report: Reporter,
) -> Iterator[Done | Failed]:
    """Fine-tune a model for each task of a lot, by jobs that are waited for side by side.

    A stage that is killed goes on with its job; one whose artifact got lost finds it again.

    Args:
        tasks: Their parameters hold the `tuning`.
        rows_of: What a task's model learns.
        report: Told of progress.
    """

    def tune(task: Task, tell: Reporter) -> Done:
        stated = task.stage.params["tuning"]
        tuning = FineTuning(**stated, seed=service_seed(task.stage.seed, "job"))
        made = fine_tune(
            rows_of(task), endpoint_of(task), tuning, task.partial, tell, polling=POLLING
        )
        atomic.write_text(task.folder / FINE_TUNED, made.model_dump_json(indent=1) + "\n")
        return Done(task.stage.key, _trained(made))

    yield from side_by_side(tasks, tune, report)


def _trained(made: FineTuned) -> dict[str, float]:
    told = {"trained_tokens": made.trained_tokens, "cost": made.cost}
    return {name: value for name, value in told.items() if value is not None}
