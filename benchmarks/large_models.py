"""What a GPU makes of large models: a whole experiment, and this package beside transformers.

    python benchmarks/large_models.py                                      Qwen2.5-7B's shape
    python benchmarks/large_models.py --model Qwen/Qwen2.5-0.5B-Instruct   another known shape
    python benchmarks/large_models.py --part training                      one part alone
    python benchmarks/large_models.py --rows 2048 --folder /dev/shm        more rows, faster files

The model has random weights, so that what it writes seldom ends by itself: completions have as many
tokens as are allowed, which are those of a list of ten numbers. The experiment is the published one
with fine-tuned teachers, of one animal and one seed, without a filter. Of its stages the time is a
worker's, with the reading of the model's files; "of peak" is the share that the operations of the
matrix products, with what is computed again for the backward pass, have in what the device's maker
states; "plan" is the time that `subliminal plan` foretells.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from large_engines import open_bench, print_asking, print_training
from random_model import write_random_model

from subliminal import machine
from subliminal.devices import Device, find_device, known_devices
from subliminal.errors import UserError
from subliminal.executors import Outcome
from subliminal.plan import Plan, make_plan
from subliminal.plan.measured import Measured, measured
from subliminal.run import run_plan
from subliminal.spec_file import load_experiment
from subliminal.stage import Stage

PARTS = ("asking", "training", "experiment")
EXPERIMENT = Path(__file__).with_suffix(".yaml")


class Progress:
    """Tells of every stage that ends, and when it does."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def planned(self, stages: list[Stage]) -> None:
        """Nothing to tell."""

    def progressed(self, stages: tuple[Stage, ...], share: float) -> None:
        """Nothing to tell."""

    def waiting(self, count: int) -> None:
        """Nothing to tell."""

    def settled(self, stage: Stage, outcome: Outcome) -> None:
        """Say how it ended."""
        seconds = time.monotonic() - self._begun
        print(
            f"{seconds:>7.1f} s  {stage.label}: {outcome.state} {outcome.reason or ''}", flush=True
        )


def experiment_on(model: Path, rows: int) -> Plan:
    """The published experiment, cut down."""
    changes = [f"model={model.resolve()}", f"defaults.data.prompts={rows}"]
    return make_plan(load_experiment(EXPERIMENT, changes))


def print_stages(plan: Plan, store: Path, device: Device) -> None:
    """A line for each kind of stage, means over its stages."""
    print(f"{'':12}{'stages':>8}{'tokens':>10}{'seconds':>9}{'tokens/s':>10}", end="")
    print(f"{'TFLOP/s':>9}{'of peak':>9}{'plan':>7}")
    kinds = {kind: found for kind, found in measured(plan, store).items() if _flops(found[0])}
    for kind, stages in kinds.items():
        tokens = mean(_tokens(stage) for stage in stages)
        seconds = mean(stage.seconds for stage in stages)
        flops = mean(_flops(stage) for stage in stages)
        expected = mean(stage.cost.seconds(device.rates) for stage in stages)
        share = flops / seconds / device.peak_products
        print(
            f"{kind:12}{len(stages):>8}{tokens:>10,.0f}{seconds:>9.1f}{tokens / seconds:>10,.0f}"
            f"{flops / seconds / 1e12:>9.1f}{share:>9.1%}{expected:>7.1f}",
            flush=True,
        )


def _tokens(stage: Measured) -> float:
    return stage.cost.tokens if stage.tokens is None else stage.tokens


def _flops(stage: Measured) -> float:
    """Operations of as many tokens as there were."""
    return stage.cost.flops * _tokens(stage) / stage.cost.tokens if stage.cost.tokens else 0.0


def device_here() -> str:
    """The name of this machine's device."""
    found = machine.cuda_devices()
    named = (name for name in known_devices() for card in found if _plain(name) in _plain(card))
    return next(named, known_devices()[-1])


def _plain(name: str) -> str:
    return name.upper().replace("-", " ")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the measurements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="Qwen/Qwen2.5-7B-Instruct")
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--folder", type=Path, help="to work in (default: a new one)")
    parser.add_argument("--device", help="a name that `plan --device` takes")
    parser.add_argument("--part", choices=PARTS, help="default: all, in this order")
    options = parser.parse_args(arguments)
    with TemporaryDirectory(dir=options.folder) as folder:
        measure(options, Path(folder))


def measure(options: argparse.Namespace, folder: Path) -> None:
    """Measure what was asked for."""
    precision = machine.fast_precision()
    device = find_device(options.device or device_here(), precision)
    model = write_random_model(options.model, folder, precision)
    print(f"{options.model}, random weights, {precision}; {device.name}", flush=True)
    wanted = PARTS if options.part is None else (options.part,)
    bench = open_bench(model, options.rows, precision, device)
    if "asking" in wanted:
        print_asking(bench)
    if "training" in wanted:
        print_training(bench)
    if "experiment" in wanted:
        plan = experiment_on(model, options.rows)
        run_plan(plan, folder / "runs", Progress())
        print_stages(plan, folder / "runs" / ".store", device)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
