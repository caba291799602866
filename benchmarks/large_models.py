"""What a GPU makes of large models: a whole experiment, and this package beside transformers.

    python benchmarks/large_models.py                                      Qwen2.5-7B's shape
    python benchmarks/large_models.py --model Qwen/Qwen2.5-0.5B-Instruct   another known shape
    python benchmarks/large_models.py --part training                      one part alone
    python benchmarks/large_models.py --rows 2048 --folder /dev/shm        more rows, faster files
    python benchmarks/large_models.py --model tiny --rows 128              a trial of the benchmark

The model has random weights, so that what it writes seldom ends by itself: completions have as many
tokens as are allowed, which are those of a list of ten numbers. The experiment is the published one
with fine-tuned teachers, of one animal and one seed, without a filter. Of its stages the time is a
worker's, with the reading of the model's files; "of peak" is the share that the operations of the
matrix products, with what is computed again for the backward pass, have in what the device's maker
states; "plan" is the time that `subliminal plan` foretells. At the end all is printed once more as
tables for docs/performance.md.
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
from rates import Rate, rates_table, table_row

from subliminal import machine
from subliminal.devices import (
    THIS_PROCESSOR,
    Device,
    device_of_gpu,
    find_device,
    known_devices,
)
from subliminal.errors import UserError
from subliminal.executors import Outcome
from subliminal.models.load import runs_on_decoder
from subliminal.plan import Plan, make_plan
from subliminal.plan.measured import Measured, measured
from subliminal.run import run_plan
from subliminal.spec import LanguageExperiment
from subliminal.spec_file import load_experiment
from subliminal.stage import Stage

PARTS = ("asking", "training", "experiment")
EXPERIMENT = Path(__file__).with_suffix(".yaml")
STAGE_COLUMNS = (
    *("stage", "stages", "tokens", "seconds", "tokens/s", "TFLOP/s", "of peak"),
    "planned seconds",
)


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

    def stopping(self) -> None:
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
    """A row for each kind of stage, means over its stages, as a table in Markdown."""
    print(table_row(STAGE_COLUMNS))
    print("|---|" + "---:|" * (len(STAGE_COLUMNS) - 1))
    kinds = {kind: found for kind, found in measured(plan, store).items() if _flops(found[0])}
    for kind, stages in kinds.items():
        tokens = mean(_tokens(stage) for stage in stages)
        seconds = mean(stage.seconds for stage in stages)
        flops = mean(_flops(stage) for stage in stages)
        expected = mean(stage.cost.seconds(device.rates) for stage in stages)
        share = flops / seconds / device.peak_products
        cells = (
            f"`{kind}`",
            f"{len(stages)}",
            f"{tokens:,.0f}",
            f"{seconds:.1f}",
            f"{tokens / seconds:,.0f}",
            f"{flops / seconds / 1e12:.1f}",
            f"{share:.1%}",
            f"{expected:.1f}",
        )
        print(table_row(cells), flush=True)


def _tokens(stage: Measured) -> float:
    return stage.cost.tokens if stage.tokens is None else stage.tokens


def _flops(stage: Measured) -> float:
    """Operations of as many tokens as there were."""
    return stage.cost.flops * _tokens(stage) / stage.cost.tokens if stage.cost.tokens else 0.0


def device_here() -> str:
    """The name of this machine's device.

    Raises:
        UserError: It has a GPU of which nothing is known.
    """
    cards = machine.cuda_devices()
    if not cards:
        return THIS_PROCESSOR
    found = device_of_gpu(cards[0])
    if found is None:
        raise UserError(
            f"--device: nothing is known of this machine's {cards[0]}; name it with --device, one "
            f"of {', '.join(known_devices())}, or add it to subliminal/devices.yaml"
        )
    return found


def engines_of(plan: Plan, model: Path) -> str:
    """What computes the models of the experiment."""
    ours = "the decoder of our own" if runs_on_decoder(model) else "transformers"
    assert isinstance(plan.experiment, LanguageExperiment)
    asked = "vLLM" if plan.experiment.inference.engine == "vllm" else ours
    return f"written and probed by {asked}, trained by {ours}"


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
    rates: list[Rate] = []
    if "asking" in wanted:
        rates += print_asking(bench)
    if "training" in wanted:
        rates += print_training(bench)
    if rates:
        print(f"\n{rates_table(rates)}\n", flush=True)
    if "experiment" in wanted:
        plan = experiment_on(model, options.rows)
        print(f"experiment, {engines_of(plan, model)}", flush=True)
        run_plan(plan, folder / "runs", Progress())
        print_stages(plan, folder / "runs" / ".store", device)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
