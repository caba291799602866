"""Get a graph of stages done by workers, whatever these are."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager

from subliminal.artifact_store import ArtifactStore
from subliminal.executors.frontier import Frontier
from subliminal.executors.outcome import Listener, Outcome
from subliminal.executors.worker import Report
from subliminal.executors.workers import Crashed, Ending, Lost, Reported, Workers
from subliminal.stage import Stage

SECONDS_BETWEEN_POLLS = 0.3
ATTEMPTS_AT_A_CRASH = 2
ATTEMPTS_AT_A_LOSS = 5
REASON_OF_CRASH = (
    "its worker process died twice (killed, or out of memory); run again with fewer --jobs"
)
REASON_OF_LOSS = f"{ATTEMPTS_AT_A_LOSS} nodes were lost while they ran it; run again"

OpenWorkers = Callable[[Mapping[str, Stage]], AbstractContextManager[Workers]]
"""Gets workers ready for stages; they are ended when the context is left."""


def run_stages(
    stages: Mapping[str, Stage],
    targets: Iterable[str],
    store: ArtifactStore,
    listener: Listener,
    open_workers: OpenWorkers,
) -> dict[str, Outcome]:
    """Compute what the targets need and the store lacks.

    Args:
        stages: All stages by key; all that a stage needs is among them.
        targets: Keys whose artifacts are wanted.
        store: Where artifacts are read and written; it has been prepared.
        listener: Told of progress.
        open_workers: Called if there is anything to compute.

    Returns:
        The outcome of every stage that was needed, or found, on the way.

    Raises:
        KeyboardInterrupt: After the workers have stopped; what they saved is kept.
    """
    whole, missing = _find_work(stages, targets, store)
    for key in whole:
        listener.settled(stages[key], Outcome("cached"))
    listener.planned(list(missing.values()))
    outcomes = dict.fromkeys(whole, Outcome("cached"))
    if missing:
        with open_workers(missing) as workers:
            outcomes |= _Schedule(missing, store, listener, workers).go()
    return outcomes


class _Schedule:
    """The state of one run: what is left, what another run is at, what has ended."""

    def __init__(
        self,
        stages: Mapping[str, Stage],
        store: ArtifactStore,
        listener: Listener,
        workers: Workers,
    ) -> None:
        self._stages, self._store = stages, store
        self._listener, self._workers = listener, workers
        self._frontier = Frontier(stages, workers.most, workers.queue)
        self._elsewhere: dict[str, Stage] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._crashes: Counter[str] = Counter()
        self._losses: Counter[str] = Counter()
        self._most_after_crash: dict[str, int] = {}
        self._polled = 0.0

    def go(self) -> dict[str, Outcome]:
        try:
            self._start_ready()
            while len(self._frontier):
                for ending in self._endings():
                    self._take(ending)
                self._start_ready()  # before anything else, for workers are idle
                if time.monotonic() - self._polled > SECONDS_BETWEEN_POLLS:
                    self._polled = time.monotonic()
                    self._show_progress()
                    self._look_elsewhere()
        except KeyboardInterrupt:
            if self._workers.running():
                self._listener.stopping()
                self._workers.stop()
            raise
        return self._outcomes

    def _start_ready(self) -> None:
        for queue, room in self._workers.room().items():
            for lot in self._frontier.take(room, queue):
                stages = tuple(lot)
                if self._workers.fits(stages):
                    self._workers.start(stages)
                else:
                    self._offer(stages)

    def _endings(self) -> list[Ending]:
        if self._workers.running():
            return self._workers.ended(SECONDS_BETWEEN_POLLS)
        time.sleep(SECONDS_BETWEEN_POLLS)
        return []

    def _take(self, ending: Ending) -> None:
        if isinstance(ending, Reported):
            for report in ending.reports:
                self._take_report(report)
        elif isinstance(ending, Crashed):
            self._recover_from_crash(ending.stages)
        elif isinstance(ending, Lost):
            self._recover_from_loss(ending.stages)
        else:
            for stage in ending.stages:
                self._settle(stage.key, Outcome("failed", ending.reason))

    def _take_report(self, report: Report) -> None:
        again = report.key in self._most_after_crash or report.key in self._losses
        if report.state == "busy":
            self._elsewhere[report.key] = self._stages[report.key]
        elif report.state == "cached" and again:
            # It was committed in this run, by a worker that died before it could say so.
            self._settle(report.key, Outcome("computed"))
        else:
            self._settle(report.key, Outcome(report.state, report.reason, report.counts))

    def _recover_from_crash(self, stages: tuple[Stage, ...]) -> None:
        """Try the stages of a worker that died again, in halves, since one alone may be at fault.

        Halving also helps where the lot was too large for the memory. A stage that was alone when
        its worker died gets a second attempt.
        """
        half = (len(stages) + 1) // 2
        self._most_after_crash |= dict.fromkeys((stage.key for stage in stages), half)
        if len(stages) == 1:
            self._crashes[stages[0].key] += 1
        if self._crashes[stages[0].key] < ATTEMPTS_AT_A_CRASH:
            self._offer(stages)
        else:
            self._settle(stages[0].key, Outcome("failed", REASON_OF_CRASH))

    def _recover_from_loss(self, stages: tuple[Stage, ...]) -> None:
        """Run the stages of a lost node elsewhere, but not for ever: nodes may be lost by them."""
        for stage in stages:
            self._losses[stage.key] += 1
            if self._losses[stage.key] < ATTEMPTS_AT_A_LOSS:
                self._offer([stage])
            else:
                self._settle(stage.key, Outcome("failed", REASON_OF_LOSS))

    def _offer(self, stages: Iterable[Stage]) -> None:
        for stage in stages:
            self._frontier.offer(stage, self._most_after_crash.get(stage.key))

    def _settle(self, key: str, outcome: Outcome) -> None:
        self._note(key, outcome)
        if outcome.state != "failed":
            self._frontier.end(key)
            return
        reason = f"needs {self._stages[key].label}, which failed: {outcome.reason}"
        for stage in self._frontier.fail(key):
            self._note(stage.key, Outcome("blocked", reason))

    def _note(self, key: str, outcome: Outcome) -> None:
        self._outcomes[key] = outcome
        self._listener.settled(self._stages[key], outcome)

    def _show_progress(self) -> None:
        for stages, share in self._workers.shares():
            self._listener.progressed(stages, share)
        if self._elsewhere and not self._workers.running():
            self._listener.waiting(len(self._elsewhere))

    def _look_elsewhere(self) -> None:
        """Offer again what another run was working on and no longer is."""
        if self._elsewhere:
            for key in self._elsewhere.keys() - self._store.running(self._elsewhere):
                self._offer([self._elsewhere.pop(key)])


def _find_work(
    stages: Mapping[str, Stage], targets: Iterable[str], store: ArtifactStore
) -> tuple[list[str], dict[str, Stage]]:
    """Walk back from the targets to what the store has whole; a damaged artifact is missing.

    Returns:
        Keys of whole artifacts that the run needs, and the stages to run.
    """
    asked: set[str] = set()
    missing: set[str] = set()
    front = set(targets)
    while front:
        asked |= front
        lacking = front - store.whole(front)
        missing |= lacking
        front = {key for lack in lacking for key in stages[lack].needs} - asked
    found = asked - missing
    whole = [key for key in stages if key in found]
    return whole, {key: stage for key, stage in stages.items() if key in missing}
