"""What the commands print: progress, plans and tables. Only the command line uses this."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from subliminal.cost import Rates, shared_seconds
from subliminal.devices import Device
from subliminal.executors import Outcome
from subliminal.executors.workers import WORKER_BYTES
from subliminal.paid import Paid, total_paid
from subliminal.plan import Plan, needed
from subliminal.plan.sizing import KindSize
from subliminal.stage import Stage, memory_of

SECONDS_BETWEEN_LINES = 10.0


class ProgressListener:
    """Shows how a run goes: a bar with the time left on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
        )
        self._task: TaskID | None = None
        self._costs: dict[str, float] = {}
        self._total = 0.0
        self._finished = 0.0
        self._running: dict[str, float] = {}
        self._ended: Counter[str] = Counter()
        self._started = self._printed = time.monotonic()

    def __enter__(self) -> ProgressListener:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def planned(self, stages: list[Stage]) -> None:
        """See `Listener`."""
        self._costs = {stage.key: max(stage.cost.seconds(), 1e-3) for stage in stages}
        self._total = sum(self._costs.values())
        found = self._ended["cached"]
        self._console.print(f"{len(stages)} stages to compute, {found} found in the store")
        print_paid(self._console, total_paid(stage.paid for stage in stages))
        self._started = self._printed = time.monotonic()
        if self._console.is_terminal and stages:
            self._task = self._bar.add_task("", total=self._total, left="")
            self._bar.start()

    def progressed(self, stages: tuple[Stage, ...], share: float) -> None:
        """See `Listener`."""
        for stage in stages:
            self._running[stage.key] = share * self._costs[stage.key]
        self._show()

    def settled(self, stage: Stage, outcome: Outcome) -> None:
        """See `Listener`."""
        self._ended[outcome.state] += 1
        if stage.key in self._costs:
            self._running.pop(stage.key, None)
            self._finished += self._costs[stage.key]
            self._ended["planned"] += 1
            self._show()
        if outcome.state == "failed":
            self._console.print(Text(f"failed: {stage.label}: {outcome.reason}", style="red"))

    def waiting(self, count: int) -> None:
        """See `Listener`."""
        self._show(f"waiting for another run to finish {count} stages")

    def stopping(self) -> None:
        """See `Listener`."""
        self._console.print("\nstopping once progress is saved; Ctrl-C again: at once")

    def _show(self, note: str = "") -> None:
        total, done = self._total, self._finished + sum(self._running.values())
        text = note or f"{self._ended['planned']}/{len(self._costs)} stages"
        left = self._time_left(done / total) if total else ""
        now = time.monotonic()
        if self._task is not None:
            self._bar.update(self._task, completed=done, description=text, left=left)
        elif now - self._printed > SECONDS_BETWEEN_LINES and total:
            self._printed = now
            self._console.print(f"{text}, {done / total:.0%}, {left}")

    def _time_left(self, share: float) -> str:
        elapsed = time.monotonic() - self._started
        if share < 0.005 or elapsed < 2:
            return "ETA -"
        return f"ETA {duration(elapsed / share * (1 - share))}"


def duration(seconds: float) -> str:
    """Seconds as h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def size(count: float) -> str:
    """Bytes in binary units."""
    for unit in ("B", "KiB", "MiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


@dataclass(frozen=True)
class _LotLine:
    """Stages of one lot, and for which arms they are."""

    number: int
    stages: tuple[Stage, ...]
    arms: tuple[str, ...]


def plan_table(plan: Plan, cached: set[str], rates: Rates, jobs: int) -> Table:
    """The graph by lots: what needs what, what is cached, and what the rest will take."""
    to_do = {stage.key for stage in needed(plan, cached)}
    lots = _lots(plan)
    number_of = {stage.key: lot.number for lot in lots for stage in lot.stages}
    title = f"{plan.experiment.name}: {plan.data_label}, {plan.precision}"
    table = Table(title=Text(title), box=box.SIMPLE_HEAD)
    for column in ("lot", "needs", "stage"):
        table.add_column(column, no_wrap=True)
    table.add_column("for arms", overflow="fold")
    for column in ("stages", "cached", "to do", "time", "memory"):
        table.add_column(column, justify="right", no_wrap=True)
    for lot in lots:
        missing = [stage for stage in lot.stages if stage.key in to_do]
        before = {number_of[key] for stage in lot.stages for key in stage.needs}
        table.add_row(
            str(lot.number),
            ", ".join(map(str, sorted(before))) or "-",
            lot.stages[0].kind,
            Text(_some(lot.arms)),
            str(len(lot.stages)),
            str(sum(stage.key in cached for stage in lot.stages)),
            str(len(missing)),
            _time(missing, rates, jobs),
            size(memory_of(lot.stages)),
        )
    return table


def plan_total(plan: Plan, cached: set[str], rates: Rates, jobs: int) -> str:
    """One line: stages to do, time, memory."""
    missing = needed(plan, cached)
    flops = sum(stage.cost.flops for stage in missing)
    seconds = _seconds(missing, rates, jobs)
    heaviest = max((memory_of(lot.stages, jobs) for lot in _lots(plan)), default=0)
    memory = jobs * WORKER_BYTES + heaviest
    beside = " beside what services take" if any(map(_is_elsewhere, missing)) else ""
    return (
        f"{len(missing)} of {len(plan.stages)} stages to compute: {flops / 1e12:.1f} TFLOP, "
        f"about {duration(seconds)} with {jobs} jobs{beside}, "
        f"about {size(memory)} of memory"
    )


def print_paid(console: Console, paid: Paid) -> None:
    """One line on what services will take, if they are asked."""
    if paid.anything:
        console.print(Text(paid.told()), soft_wrap=True)


def size_table(plan: Plan, sizes: Sequence[KindSize], device: Device) -> Table:
    """What the stages take on a device, by their kind."""
    title = f"{plan.experiment.name}: {plan.data_label}, {plan.precision}, one {device.name}"
    table = Table(title=Text(title), box=box.SIMPLE_HEAD)
    table.add_column("stage", no_wrap=True)
    for column in ("stages", "rows", "tokens", "TFLOP", "peak memory", "h:mm:ss"):
        table.add_column(column, justify="right", no_wrap=True)
    for kind in sizes:
        table.add_row(
            kind.kind,
            str(kind.stages),
            f"{kind.rows:,}",
            f"{kind.tokens:,}",
            f"{kind.flops / 1e12:,.1f}",
            _peak(kind),
            duration(kind.seconds),
        )
    seconds = sum(kind.seconds for kind in sizes)
    flops = sum(kind.flops for kind in sizes) / 1e12
    table.add_section()
    table.add_row("all", str(len(plan.stages)), "", "", f"{flops:,.1f}", "", duration(seconds))
    return table


def _peak(kind: KindSize) -> str:
    """The most memory that a stage of a kind takes, and by how much its batches are cut for it."""
    if kind.peak_bytes is None:
        return "does not fit"
    if not kind.flops:
        return "-"
    return size(kind.peak_bytes) + (f", batch / {2**kind.halvings}" if kind.halvings else "")


def versions_table(rows: Iterable[tuple[str, str, str]]) -> Table:
    """What `doctor` found: name, state, how to get it."""
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("", "found", "if you need it"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _time(missing: Sequence[Stage], rates: Rates, jobs: int) -> str:
    if missing and all(map(_is_elsewhere, missing)):
        return "at a service"
    return duration(_seconds(missing, rates, jobs)) if missing else "-"


def _is_elsewhere(stage: Stage) -> bool:
    """Whether all that it takes is taken of a service, whose time nobody here knows."""
    return stage.paid.anything and not stage.cost.work


def _seconds(stages: Iterable[Stage], rates: Rates, jobs: int) -> float:
    return shared_seconds([stage.cost for stage in stages], rates, jobs)


def _lots(plan: Plan) -> list[_LotLine]:
    arms: dict[str, dict[str, None]] = {}
    for name, rows in plan.rows.items():
        for row in rows.values():
            for stage in row.stages:
                arms.setdefault(stage.lot, {})[name] = None
    grouped: dict[str, list[Stage]] = {}
    for stage in plan.stages.values():
        grouped.setdefault(stage.lot, []).append(stage)
    ordered: Mapping[str, list[Stage]] = grouped
    return [
        _LotLine(number, tuple(stages), tuple(arms[lot]))
        for number, (lot, stages) in enumerate(ordered.items(), start=1)
    ]


def _some(names: tuple[str, ...], most: int = 2) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
