"""What stages took, beside what `subliminal plan` expects of them.

    python benchmarks/planning.py runs/NAME-1a2b3c4d                  a run on this machine
    python benchmarks/planning.py runs/NAME-1a2b3c4d --device H200    a run on that device
    python benchmarks/planning.py experiments/NAME.yaml --arm same    stages of an arm, run now

Of a run it reads the experiment, and the time and the tokens that the manifests of its stages in
the store tell. It may be under way still: what is done is compared. The processor is measured when
this runs; where it was busier during the run, stages took longer than expected.

Of an experiment it runs the stages of an arm's first seed, one by one in this process, and measures
before and after each how fast the processor is. All of that is in processor time, so that what else
the machine does matters little.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import torch

from subliminal.cost import Rates
from subliminal.devices import THIS_PROCESSOR, TRAFFIC_SHARES, Device, find_device
from subliminal.errors import UserError
from subliminal.machine import Precision
from subliminal.plan import Plan, make_plan, stage_kinds
from subliminal.plan.measured import Measured, measured
from subliminal.plan.sizing import plan_for
from subliminal.results import EXPERIMENT
from subliminal.spec_file import load_experiment
from subliminal.stage import Done, Failed, Stage, StageKind, Task, silent

COLUMNS = ("", "stages", "tokens", "counted", "expected s", "took s", "ratio")


def print_comparison(plan: Plan, stages: Mapping[str, list[Measured]], device: Device) -> None:
    """Print a line for each kind of stage, means over its stages, and one for the sum of all."""
    every = [stage for of_kind in stages.values() for stage in of_kind]
    rates = device.rates
    print(f"{plan.experiment.name}: {len(every)} of {len(plan.stages)} stages, {device.name}")
    print(f"{rates.products / 1e9:,.0f} GFLOP/s, {rates.traffic / 1e9:,.1f} GB/s")
    print_line(*COLUMNS)
    for kind, of_kind in stages.items():
        counted = [stage.tokens for stage in of_kind if stage.tokens is not None]
        expected = mean(stage.cost.seconds(rates) for stage in of_kind)
        took = mean(stage.seconds for stage in of_kind)
        print_line(
            kind,
            str(len(of_kind)),
            f"{mean(stage.cost.tokens for stage in of_kind):,.0f}",
            f"{mean(counted):,.0f}" if counted else "-",
            *(f"{expected:.1f}", f"{took:.1f}", f"{expected / took:.2f}"),
        )
    expected = sum(stage.cost.seconds(rates) for stage in every)
    took = sum(stage.seconds for stage in every)
    sums = (f"{expected:.0f}", f"{took:.0f}", f"{expected / took:.2f}")
    print_line("sum", str(len(every)), "", "", *sums)


def print_line(kind: str, *cells: str) -> None:
    """Print a line of the table."""
    print(f"{kind:12}" + "".join(f"{cell:>12}" for cell in cells))


def run_arm(plan: Plan, arm: str) -> None:
    """Run the stages of an arm's first seed, and print a line for each.

    Raises:
        UserError: There is no such arm.
    """
    if arm not in plan.rows:
        raise UserError(f"--arm {arm}: the experiment has {', '.join(plan.rows)}")
    torch.set_num_threads(1)
    row, kinds = next(iter(plan.rows[arm].values())), stage_kinds()
    print(f"{plan.experiment.name}, {arm}, {plan.precision}, processor time")
    print_line("", "tokens", "counted", "GFLOP/s", "GB/s", "expected s", "took s", "ratio")
    with TemporaryDirectory() as folder:
        for stage in {stage.key: stage for stage in row.stages}.values():
            before = rates_now(plan.precision)
            start = time.process_time()
            done = run_stage(kinds[stage.kind], stage, Path(folder))
            took = time.process_time() - start
            rates = mean_of(before, rates_now(plan.precision))
            expected = stage.cost.seconds(rates)
            print_line(
                stage.kind,
                *(f"{stage.cost.tokens:,}", f"{done.counts.get('tokens', 0):,.0f}"),
                *(f"{rates.products / 1e9:.0f}", f"{rates.traffic / 1e9:.1f}"),
                *(f"{expected:.1f}", f"{took:.1f}", f"{expected / took:.2f}"),
            )


def run_stage(kind: StageKind, stage: Stage, folder: Path) -> Done:
    """Run a stage in this process, its artifact beside those that it reads.

    Raises:
        UserError: It failed.
    """
    made, partial = folder / stage.key, folder / "partial" / stage.key
    for empty in (made, partial):
        empty.mkdir(parents=True)
    inputs = {role: folder / key for role, key in stage.inputs.items()}
    (outcome,) = kind.run([Task(stage, inputs, made, partial, None)], silent)
    if isinstance(outcome, Failed):
        raise UserError(f"{stage.label}: {outcome.reason}")
    return outcome


def rates_now(precision: Precision, seconds: float = 0.5) -> Rates:
    """How fast one thread works now, in processor time: means, not the best of many."""
    kind = getattr(torch, precision)
    left, right = torch.randn(8, 1024, 784).to(kind), torch.randn(8, 784, 256).to(kind)
    values = torch.randn(4096, 384)
    made = torch.empty_like(values)
    products = runs_in(seconds, lambda: torch.bmm(left, right))
    passes = runs_in(seconds, lambda: torch.sigmoid(values, out=made))
    return Rates(
        products=products * 2 * 8 * 1024 * 784 * 256,
        traffic=TRAFFIC_SHARES[precision] * passes * 2 * values.numel() * values.itemsize,
    )


def runs_in(seconds: float, work: Callable[[], object]) -> float:
    """How often something is done in a second."""
    start, count = time.process_time(), 0
    while time.process_time() - start < seconds:
        work()
        count += 1
    return count / (time.process_time() - start)


def mean_of(one: Rates, other: Rates) -> Rates:
    """The rates between two measurements."""
    products, traffic = one.products + other.products, one.traffic + other.traffic
    return Rates(products / 2, traffic / 2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="a run folder, or an experiment")
    parser.add_argument("--store", type=Path, help="default: .store beside the run folder")
    parser.add_argument("--device", default=THIS_PROCESSOR, help="what it ran on")
    parser.add_argument("--arm", help="of an experiment")
    parser.add_argument("--set", action="append", metavar="PATH=VALUE", help="of an experiment")
    options = parser.parse_args(arguments)
    if options.arm is not None:
        run_arm(make_plan(load_experiment(options.run, options.set or ())), options.arm)
        return
    plan = plan_for(load_experiment(options.run / EXPERIMENT), options.device)
    stages = measured(plan, options.store or options.run.parent / ".store")
    if not stages:
        raise UserError(f"{options.run}: its store holds none of its stages; name it with --store")
    print_comparison(plan, stages, find_device(options.device, plan.precision))


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
