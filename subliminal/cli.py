"""The command line. Exit codes: 0 done, 1 a stage failed, 2 bad input, 130 stopped by Ctrl-C."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from subliminal import (
    audit_command,
    detect_command,
    filter_command,
    machine,
    pocket_commands,
)
from subliminal import console as show
from subliminal.errors import UserError
from subliminal.paid import total_paid
from subliminal.results import JUDGED, MANIFEST, SUMMARY, read_manifest, read_summary
from subliminal.terminal import BAD_INPUT, STAGE_FAILED, STOPPED, console

if TYPE_CHECKING:
    from subliminal.executors import Executor
    from subliminal.plan import Plan
    from subliminal.report.tables import SummaryTable
    from subliminal.spec import Experiment

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Experiments on how traits pass between models through unrelated data.",
    epilog="Start with: subliminal run experiments/numbers_demo.yaml",
)
runs = typer.Typer(
    no_args_is_help=True,
    help="List, show, compare and clean up runs.",
    epilog="Example: subliminal runs list",
)
app.add_typer(runs, name="runs")
app.add_typer(pocket_commands.app, name="pocket")
app.command("filter", epilog=filter_command.EXAMPLES)(filter_command.filter_command)
app.command("audit-filter", epilog=audit_command.EXAMPLES)(audit_command.audit_command)
app.command("detect", epilog=detect_command.EXAMPLES)(detect_command.detect_command)

ExperimentFile = Annotated[Path, typer.Argument(help="The experiment, a YAML file.")]
Out = Annotated[Path, typer.Option("--out", help="Folder that holds the runs and their store.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change a field; may be given repeatedly."),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        min=1,
        help="Worker processes. Default: one for each GPU that is used, else for each core.",
    ),
]
StoreName = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="FOLDER|URL",
        help="Where artifacts are kept. Default: what SUBLIMINAL_STORE names, else in --out.",
    ),
]
Scale = Annotated[
    Literal["full", "tiny"],
    typer.Option(
        help="tiny: few rows, few arms, a small model, to try an experiment in a minute or two; "
        "its results mean nothing."
    ),
]
RunFolder = Annotated[Path, typer.Argument(help="A run folder.")]

ALL_METRICS = "all"
MINIATURES = ".miniatures"
"""Folder of the small models, beside the runs that use them."""


def main() -> NoReturn:
    """Run a command; user errors become one line and exit code 2."""
    try:
        app()
    except UserError as error:
        Console(stderr=True).print(Text(f"error: {error}"), soft_wrap=True)
        sys.exit(BAD_INPUT)
    sys.exit(0)


@app.command(epilog="Example: subliminal run experiments/mnist/demo.yaml --set seeds=20 --jobs 2")
def run(
    experiment: ExperimentFile,
    out: Out = Path("runs"),
    overrides: Overrides = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan only.")] = False,
    jobs: Jobs = None,
    store: StoreName = None,
    scale: Scale = "full",
    executor: Annotated[
        Literal["local", "ray"], typer.Option(help="What does the work: this machine, or Ray.")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            help="Of the Ray cluster: host:port, or `auto` for one on this machine. Default: find "
            "one, else start one."
        ),
    ] = None,
) -> None:
    """Run an experiment; what the store already has is not computed again."""
    from subliminal.plan import make_plan
    from subliminal.report import build_report
    from subliminal.report.memory import shortage_of_memory
    from subliminal.run import run_plan
    from subliminal.stores import open_store

    plan = make_plan(_load(experiment, overrides, scale, out))
    chosen = _executor(executor, plan, jobs, address)
    if dry_run:
        _print_plan(plan, out, jobs, store)
        return
    _print_data(plan)
    try:
        with show.ProgressListener(console) as listener:
            done = run_plan(
                plan,
                out,
                listener,
                command=_command(),
                executor=chosen,
                store=open_store(out, store),
            )
        report = build_report(done.folder)
    except KeyboardInterrupt:
        console.print("\nstopped; nothing finished is lost. To go on, run the same command again:")
        console.print(Text(f"  {_command()}"), soft_wrap=True)
        raise typer.Exit(STOPPED) from None
    _print_results(done.folder)
    if done.manifest.short_of_memory:
        console.print(shortage_of_memory(done.manifest.short_of_memory))
    if done.manifest.spent is not None:
        console.print(f"services: {done.manifest.spent:.4g} spent")
    console.print(Text(f"report: {report}"), soft_wrap=True)
    if done.failed:
        raise typer.Exit(STAGE_FAILED)


@app.command(epilog="Example: subliminal plan experiments/mnist/published.yaml")
def plan(
    experiment: ExperimentFile,
    out: Out = Path("runs"),
    overrides: Overrides = None,
    jobs: Jobs = None,
    store: StoreName = None,
    scale: Scale = "full",
    device: Annotated[
        str | None,
        typer.Option(
            help="What all of it would take on this device, such as H200 or A100-80GB; models need "
            "not be there. CPU: this machine's processor."
        ),
    ] = None,
) -> None:
    """Print the graph of stages, what is cached, and what the rest will take."""
    from subliminal.plan import make_plan

    found = _load(experiment, overrides, scale, out)
    if device is not None:
        _print_sizes(found, device)
    else:
        _print_plan(make_plan(found), out, jobs, store)


@app.command(epilog="Example: subliminal status experiments/mnist/published.yaml")
def status(
    experiment: ExperimentFile,
    out: Out = Path("runs"),
    overrides: Overrides = None,
    store: StoreName = None,
    scale: Scale = "full",
) -> None:
    """Say how far an experiment is: done, being computed now, begun, missing."""
    from subliminal.plan import make_plan
    from subliminal.stores import open_store

    plan = make_plan(_load(experiment, overrides, scale, out))
    state_of = open_store(out, store).states(plan.stages)
    table = Table("stage", "done", "running now", "begun", "missing", box=box.SIMPLE_HEAD)
    kinds = dict.fromkeys(stage.kind for stage in plan.stages.values())
    for kind in kinds:
        states = [state_of[key] for key, stage in plan.stages.items() if stage.kind == kind]
        counts = (states.count(name) for name in ("done", "running", "begun", "missing"))
        table.add_row(kind, *map(str, counts))
    console.print(table)


@app.command(epilog="Example: subliminal report runs/mnist-demo-1a2b3c4d")
def report(run_folder: RunFolder) -> None:
    """Make a run's figures and report anew."""
    from subliminal.report import build_report

    _print_results(run_folder)
    console.print(Text(f"report: {build_report(run_folder)}"), soft_wrap=True)


@runs.command("list", epilog="Example: subliminal runs list --out runs")
def list_runs(out: Out = Path("runs")) -> None:
    """List the runs of a folder."""
    from subliminal.run import runs_in

    columns = ("run", "data or models", "started", "seeds", "arms", "failed", "state")
    table = Table(*columns, box=box.SIMPLE_HEAD)
    for folder, manifest in runs_in(out):
        failed = sum(arm.state == "failed" for arm in manifest.arms.values())
        state = "finished" if manifest.finished else "not finished"
        counts = (len(manifest.seeds), len(manifest.arms), failed)
        cells = (folder.name, manifest.data, manifest.started, *counts, state)
        table.add_row(*(Text(str(cell)) for cell in cells))
    if table.row_count == 0:
        console.print(Text(f"no runs in {out}"), soft_wrap=True)
        return
    console.print(table)


@runs.command("show", epilog="Example: subliminal runs show runs/mnist-demo-1a2b3c4d --markdown")
def show_run(
    run_folder: RunFolder,
    metric: Annotated[
        str | None, typer.Option(help="Which metric; `all` for every one. Default: the judged one.")
    ] = None,
    probe: Annotated[str | None, typer.Option(help="Which probe alone.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="For a document.")] = False,
) -> None:
    """Print a run's summary table."""
    from subliminal.report import markdown_table

    if markdown:
        typer.echo(markdown_table(_summary_table(run_folder, metric, probe)))
    else:
        _print_results(run_folder, metric, probe)


@runs.command("compare", epilog="Example: subliminal runs compare runs/a-1a2b3c4d runs/b-5e6f7a8b")
def compare_runs(first: RunFolder, second: RunFolder) -> None:
    """Print two runs side by side: the arms both have, and what each has alone."""
    from subliminal.report.comparison import comparison_table

    console.print(comparison_table(first, second))


@runs.command(
    "tensorboard", epilog="Example: subliminal runs tensorboard runs/numbers-1a2b3c4d --to events"
)
def export_to_tensorboard(
    run_folder: RunFolder,
    to: Annotated[Path, typer.Option("--to", help="Folder for the event files; a new one.")],
    store: StoreName = None,
) -> None:
    """Write a run's losses and curves as event files for TensorBoard."""
    from subliminal.report.tensorboard import series_of, write_events
    from subliminal.stores import open_store

    stages = read_manifest(run_folder / MANIFEST).stages
    found = open_store(run_folder.parent, store)
    there = found.readable(found.present(stages))
    count = write_events(series_of(run_folder, there), to)
    console.print(Text(f"{count} series; to see them: tensorboard --logdir {to}"), soft_wrap=True)


@runs.command("gc", epilog="Example: subliminal runs gc --out runs --dry-run")
def collect_garbage(
    outs: Annotated[
        list[Path] | None,
        typer.Option("--out", help="Folder of runs; name each that shares the store."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list.")] = False,
    store: StoreName = None,
) -> None:
    """Remove what no run under the folders refers to and nobody is working on."""
    from subliminal.run import runs_in
    from subliminal.stores import open_store

    outs = outs or [Path("runs")]
    keep = {key for out in outs for _, manifest in runs_in(out) for key in manifest.stages}
    removed = open_store(outs[0], store).collect(keep, dry_run=dry_run)
    freed = show.size(sum(count for _, count in removed))
    console.print(f"{'would free' if dry_run else 'freed'} {freed} in {len(removed)} folders")


@app.command(epilog="Example: subliminal doctor")
def doctor() -> None:
    """Say what this machine has, what is missing and how to get it."""
    from mnist_toy.data import data_report

    about = machine.description()
    rows = [(name, str(value), "") for name, value in about.items()]
    if not machine.cuda_devices():
        rows.append(("gpus", "none", "a CUDA device"))
    rows.append(("fast precision", machine.fast_precision(), ""))
    for precision in ("float32", "bfloat16"):
        rate = machine.matmul_rate(precision) / 1e9
        rows.append((f"{precision} matrix products", f"{rate:.0f} GFLOP/s", ""))
    rows += [(name, version, "") for name, version in machine.versions().items()]
    for name in machine.OPTIONAL_PACKAGES:
        version = machine.version_of(name)
        rows.append((name, version or "missing", "" if version else f"pip install {name}"))
    for data in data_report():
        state = "available" if data.available else "missing"
        rows.append((f"data: {data.name}", state, data.detail))
    console.print(show.versions_table(rows))


@app.command(epilog="Example: subliminal schema > experiment.schema.json")
def schema() -> None:
    """Print the JSON schema of experiment files, for editors to complete and check."""
    from subliminal.spec_file import json_schema

    typer.echo(json.dumps(json_schema(), indent=1))


def _load(file: Path, overrides: list[str] | None, scale: str, out: Path) -> Experiment:
    """An experiment as a file and the command line state it, in miniature if they say so."""
    from subliminal.plan.miniature import miniature
    from subliminal.spec_file import load_experiment

    stated = [*(overrides or ()), *(() if scale == "full" else (f"scale={scale}",))]
    found = load_experiment(file, stated)
    return miniature(found, out / MINIATURES) if found.scale == "tiny" else found


def _executor(name: str, plan: Plan, jobs: int | None, address: str | None) -> Executor:
    from subliminal.executors import LocalExecutor
    from subliminal.plan import stage_kinds

    if name == "ray":
        from subliminal.executors.ray import RayExecutor

        return RayExecutor(stage_kinds(), jobs, address)
    if address is not None:
        raise UserError(f"--address {address}: is for a Ray cluster; add --executor ray")
    return LocalExecutor(stage_kinds(), jobs or plan.workers)


def _print_plan(plan: Plan, out: Path, jobs: int | None, store: str | None) -> None:
    from subliminal.devices import rates_here
    from subliminal.executors import LocalExecutor
    from subliminal.plan import needed, stage_kinds
    from subliminal.stores import open_store

    cached = open_store(out, store).present(plan.stages)
    workers = LocalExecutor(stage_kinds(), jobs or plan.workers)
    rates = rates_here(plan.device, plan.precision, workers.threads)
    _print_data(plan)
    console.print(show.plan_table(plan, cached, rates, workers.jobs))
    console.print(show.plan_total(plan, cached, rates, workers.jobs))
    show.print_paid(console, total_paid(stage.paid for stage in needed(plan, cached)))


def _print_sizes(experiment: Experiment, name: str) -> None:
    from subliminal.devices import find_device
    from subliminal.plan.sizing import plan_for, sizes

    plan = plan_for(experiment, name)
    device = find_device(name, plan.precision)
    _print_data(plan)
    console.print(show.size_table(plan, sizes(plan, device), device))


def _print_data(plan: Plan) -> None:
    from subliminal.report.caveat import TINY_CAVEAT

    if plan.experiment.scale == "tiny":
        console.print(Text(TINY_CAVEAT), soft_wrap=True)
    label = "data" if plan.experiment.kind == "mnist" else "models"
    console.print(Text(f"{label}: {plan.data_label}"), soft_wrap=True)
    if plan.fallback_reason is not None:
        console.print(Text(f"MNIST cannot be had: {plan.fallback_reason}"), soft_wrap=True)


def _summary_table(folder: Path, metric: str | None, probe: str | None) -> SummaryTable:
    from subliminal.report import summary_table

    rows = read_summary(folder / SUMMARY)
    if probe is not None:
        asked = dict.fromkeys(row.probe for row in rows)
        rows = [row for row in rows if row.probe == probe]
        if asked and not rows:
            raise UserError(f"--probe {probe}: this run has {', '.join(asked)}")
    known = dict.fromkeys(row.metric for row in rows)
    if rows and metric not in (None, ALL_METRICS, *known):
        whose = "this run" if probe is None else f"the probe {probe}"
        raise UserError(f"--metric {metric}: {whose} has {', '.join(known)}; or give `all`")
    wanted = {None: JUDGED, ALL_METRICS: tuple(known)}.get(metric, (metric,))
    chosen = [row for row in rows if row.metric in wanted]
    return summary_table(read_manifest(folder / MANIFEST), chosen)


def _print_results(folder: Path, metric: str | None = None, probe: str | None = None) -> None:
    from subliminal.report import rich_table

    manifest = read_manifest(folder / MANIFEST)
    console.print(rich_table(_summary_table(folder, metric, probe), title=manifest.data))
    for name, arm in manifest.arms.items():
        if arm.state != "done":
            console.print(Text(f"{name}: {arm.state}: {arm.reason or 'not run to its end'}"))


def _command() -> str:
    return shlex.join(["subliminal", *sys.argv[1:]])
