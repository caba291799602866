"""The command line. Exit codes: 0 done, 1 a stage failed, 2 bad input, 130 stopped by Ctrl-C."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from subliminal import console as show
from subliminal import machine
from subliminal.errors import UserError

if TYPE_CHECKING:
    from subliminal.plan import Plan

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Experiments on how traits pass between models through unrelated data.",
    epilog="Start with: subliminal run experiments/mnist/demo.yaml",
)
runs = typer.Typer(no_args_is_help=True, help="List, show, compare and clean up runs.")
app.add_typer(runs, name="runs")

COLUMNS_IN_A_PIPE = 160
console = Console(width=None if sys.stdout.isatty() else COLUMNS_IN_A_PIPE)

ExperimentFile = Annotated[Path, typer.Argument(help="The experiment, a YAML file.")]
Out = Annotated[Path, typer.Option("--out", help="Folder that holds the runs and their store.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change a field; may be given repeatedly."),
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", min=1, help="Worker processes. Default: one for each core.")
]
RunFolder = Annotated[Path, typer.Argument(help="A run folder.")]

STAGE_FAILED, BAD_INPUT, STOPPED = 1, 2, 130


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
) -> None:
    """Run an experiment; what the store already has is not computed again."""
    from subliminal.plan import make_plan
    from subliminal.report import build_report
    from subliminal.run import run_plan
    from subliminal.spec_file import load_experiment

    plan = make_plan(load_experiment(experiment, overrides or ()))
    if dry_run:
        _print_plan(plan, out, jobs)
        return
    console.print(f"data: {plan.data_label}")
    try:
        with show.ProgressListener(console) as listener:
            done = run_plan(plan, out, listener, jobs=jobs, command=_command())
    except KeyboardInterrupt:
        console.print("\nstopped; nothing finished is lost. To go on, run the same command again:")
        console.print(Text(f"  {_command()}"), soft_wrap=True)
        raise typer.Exit(STOPPED) from None
    report = build_report(done.folder)
    _print_results(done.folder)
    console.print(Text(f"report: {report}"), soft_wrap=True)
    if done.failed:
        raise typer.Exit(STAGE_FAILED)


@app.command(epilog="Example: subliminal plan experiments/mnist/published.yaml")
def plan(
    experiment: ExperimentFile,
    out: Out = Path("runs"),
    overrides: Overrides = None,
    jobs: Jobs = None,
) -> None:
    """Print the graph of stages, what is cached, and what the rest will take."""
    from subliminal.plan import make_plan
    from subliminal.spec_file import load_experiment

    _print_plan(make_plan(load_experiment(experiment, overrides or ())), out, jobs)


@app.command(epilog="Example: subliminal status experiments/mnist/published.yaml")
def status(
    experiment: ExperimentFile, out: Out = Path("runs"), overrides: Overrides = None
) -> None:
    """Say how far an experiment is: done, being computed now, begun, missing."""
    from subliminal.plan import make_plan
    from subliminal.spec_file import load_experiment
    from subliminal.store import store_at

    plan = make_plan(load_experiment(experiment, overrides or ()))
    store = store_at(out)
    table = Table("stage", "done", "running now", "begun", "missing")
    kinds = dict.fromkeys(stage.kind for stage in plan.stages.values())
    for kind in kinds:
        states = [store.state(s.key) for s in plan.stages.values() if s.kind == kind]
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

    table = Table("run", "started", "seeds", "arms", "failed", "state")
    for folder, manifest in runs_in(out):
        failed = sum(arm.state == "failed" for arm in manifest.arms.values())
        state = "finished" if manifest.finished else "not finished"
        cells = (folder.name, manifest.started, len(manifest.seeds), len(manifest.arms), failed)
        table.add_row(*(Text(str(cell)) for cell in (*cells, state)))
    console.print(table)


@runs.command("show", epilog="Example: subliminal runs show runs/mnist-demo-1a2b3c4d")
def show_run(run_folder: RunFolder) -> None:
    """Print a run's summary table."""
    _print_results(run_folder)


@runs.command("compare", epilog="Example: subliminal runs compare runs/a-1a2b3c4d runs/b-5e6f7a8b")
def compare_runs(first: RunFolder, second: Annotated[Path, typer.Argument()]) -> None:
    """Print two runs side by side: the arms both have, and what each has alone."""
    from subliminal.report.comparison import comparison_table

    console.print(comparison_table(first, second))


@runs.command("gc", epilog="Example: subliminal runs gc --out runs --dry-run")
def collect_garbage(
    out: Out = Path("runs"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list.")] = False,
) -> None:
    """Remove what no run under the folder refers to and nobody is working on."""
    from subliminal.run import runs_in
    from subliminal.store import store_at

    keep = {key for _, manifest in runs_in(out) for key in manifest.stages}
    removed = store_at(out).collect(keep, dry_run=dry_run)
    freed = show.size(sum(count for _, count in removed))
    console.print(f"{'would free' if dry_run else 'freed'} {freed} in {len(removed)} folders")


@app.command(epilog="Example: subliminal doctor")
def doctor() -> None:
    """Say what this machine has, what is missing and how to get it."""
    from mnist_toy.data import data_report

    about = machine.description()
    rows = [(name, str(value), "") for name, value in about.items()]
    rows.append(("devices", ", ".join(machine.cuda_devices()) or "cpu only", "a CUDA device"))
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


def _print_plan(plan: Plan, out: Path, jobs: int | None) -> None:
    from subliminal.store import store_at

    store = store_at(out)
    cached = {key for key in plan.stages if store.has(key)}
    rate = show.EFFICIENCY * machine.matmul_rate(plan.precision)
    console.print(show.plan_table(plan, cached, rate))
    console.print(show.plan_total(plan, cached, rate, jobs or machine.cores()))


def _print_results(folder: Path) -> None:
    from subliminal.report import rich_table, summary_table
    from subliminal.results import MANIFEST, SUMMARY, read_manifest, read_summary
    from subliminal.summary import JUDGED

    manifest = read_manifest(folder / MANIFEST)
    judged = [row for row in read_summary(folder / SUMMARY) if row.metric == JUDGED]
    console.print(rich_table(summary_table(manifest, judged), title=manifest.data))
    for name, arm in manifest.arms.items():
        if arm.state != "done":
            console.print(Text(f"{name}: {arm.state}: {arm.reason or 'not run to its end'}"))


def _command() -> str:
    return shlex.join(["subliminal", *sys.argv[1:]])
