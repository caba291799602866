"""Draw transfer curves of chosen arms, from one or several runs, in one figure.

python experiments/plot_transfer_curves.py runs/a runs/b --arms same-aux --out curves.svg
python experiments/plot_transfer_curves.py runs/m --sweep network.auxiliary --out m.png
python experiments/plot_transfer_curves.py runs/b --measure pivotal,options,unsafe-code
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from experiments.plot_command import (
    add_out,
    check_confidence,
    check_name,
    labelled_runs,
    names,
    plot,
)
from subliminal.errors import UserError
from subliminal.report import (
    LanguageRun,
    RunFolder,
    draw_curves,
    draw_doses,
    draw_measures,
    draw_sweep,
    draw_transfer,
    footer_of,
    language_run,
    measures_of,
    sweep_paths,
    transfer_lines,
)
from subliminal.report.language.variants import Variant
from subliminal.results import ArmState, CurvePoint, Summary

MNIST_METRIC, LANGUAGE_METRIC = "accuracy", "log_odds"
MOST_MEASURES = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the figure that the command line asks for; the exit code is 2 for bad input."""
    return plot(_parser(), _draw, arguments)


def _draw(options: argparse.Namespace) -> Figure:
    runs = labelled_runs(options.runs)
    found = {label: language_run(data) for label, data in runs.items()}
    languages = {label: run for label, run in found.items() if run is not None}
    if 0 < len(languages) < len(runs):
        raise UserError("RUN: some of these runs are on language models, some not; draw them apart")
    if languages:
        metric = options.metric or LANGUAGE_METRIC
        if options.sweep is None:
            return contrast_curves(languages, options.arms, metric, options.measure)
        if options.measure:
            raise UserError("--measure: is of curves, not of a sweep; leave it out")
        return contrast_sweep(languages, options.arms, metric, options.sweep)
    if options.measure:
        raise UserError("--measure: is of runs on language models; leave it out")
    metric = options.metric or MNIST_METRIC
    if options.sweep is None:
        return transfer_curves(runs, options.arms, metric)
    return transfer_sweep(runs, options.arms, metric, options.sweep)


def contrast_curves(
    runs: Mapping[str, LanguageRun],
    arms: Sequence[str],
    metric: str,
    measures: Sequence[str] = (),
) -> Figure:
    """Draw how far students of language models get from their controls over steps.

    Args:
        runs: Label -> run. Labels are added to the groups' names if there are several runs.
        arms: Arms or groups to draw; empty for all but the steps of dose curves.
        metric: A metric of the runs' curves.
        measures: What was asked, a column each: the headline probe, or item groups of the curves;
            empty for the headline alone.

    Raises:
        UserError: An arm, the metric or a measure is unknown, the runs' confidence differs, or no
            chosen student has a curve beside that of its control.
    """
    data = {label: run.data for label, run in runs.items()}
    chosen = _chosen(data, arms)
    check_confidence(data)
    points = [p for label, run in data.items() for p in run.curves if p.arm in chosen[label]]
    _check_metric(metric, points, "curves.jsonl")
    if len(measures) > MOST_MEASURES:
        raise UserError(f"--measure: so many do not fit side by side; name {MOST_MEASURES} at most")
    known = {name for run in runs.values() for name in measures_of(run)}
    for measure in measures:
        check_name("--measure", measure, known | {point.item_group for point in points})
    asked: Sequence[str | None] = measures or [None]
    lines = [
        line if len(runs) == 1 else replace(line, label=f"{line.label} ({label})")
        for measure in asked
        for label, run in runs.items()
        for line in transfer_lines(run, _variants(run, chosen[label], arms), metric, measure)
    ]
    if not lines:
        raise UserError("--arms: none of these has a curve beside its control's; choose students")
    footer = " ".join(dict.fromkeys(footer_of(run) for run in runs.values()))
    return (draw_measures if len(measures) > 1 else draw_transfer)(lines, footer, metric)


def contrast_sweep(
    runs: Mapping[str, LanguageRun], arms: Sequence[str], metric: str, path: str
) -> Figure:
    """Draw the final contrast, and the share of the teacher's shift, against a swept field.

    Args:
        runs: Label -> run; one only.
        arms: Arms or groups to draw; empty for all.
        metric: The judged one.
        path: The swept field, for example "data.prompts".

    Raises:
        UserError: There are several runs, or an arm, the metric or the field is unknown.
    """
    if len(runs) > 1:
        raise UserError("--sweep: takes one run on language models at a time; name one")
    if metric != LANGUAGE_METRIC:
        raise UserError(f"--metric: a sweep shows {LANGUAGE_METRIC}, not {metric}; leave it out")
    [(label, run)] = runs.items()
    chosen = _chosen({label: run.data}, arms)[label]
    variants = [v for v in run.compared if set(v.arms.values()) & set(chosen)]
    check_name("--sweep", path, {p for v in variants for p in v.point})
    if path not in sweep_paths(run.data.manifest.arms) or not run.probes:
        raise UserError(f"--sweep: {path} has no numbers to draw against; choose another field")
    return draw_doses(run, variants, path, run.probes[0])


def transfer_curves(runs: Mapping[str, RunFolder], arms: Sequence[str], metric: str) -> Figure:
    """Draw a metric over distillation steps.

    Args:
        runs: Label -> run. Labels are added to the arms' names if there are several runs.
        arms: Arms, or groups of swept arms, to draw; empty for all.
        metric: A metric of the runs' curves.

    Raises:
        UserError: An arm or the metric is unknown, or the runs' confidence differs.
    """
    chosen = _chosen(runs, arms)
    points = [
        point.model_copy(update={"arm": _label(point.arm, run, runs)})
        for run, data in runs.items()
        for point in data.curves
        if point.arm in chosen[run]
    ]
    _check_metric(metric, points, "curves.jsonl")
    return draw_curves(points, metric=metric, confidence=check_confidence(runs))


def transfer_sweep(
    runs: Mapping[str, RunFolder], arms: Sequence[str], metric: str, path: str
) -> Figure:
    """Draw the final value of a metric against a swept field.

    Args:
        runs: Label -> run. Labels are added to the arms' names if there are several runs.
        arms: Arms, or groups of swept arms, to draw; empty for all.
        metric: A metric of the runs' summaries.
        path: The swept field, for example "network.auxiliary".

    Raises:
        UserError: An arm, the metric or the field is unknown, the runs' confidence differs, or
            the arms were probed in several ways.
    """
    chosen = _chosen(runs, arms)
    states: dict[str, ArmState] = {}
    rows: list[Summary] = []
    for run, data in runs.items():
        for name in chosen[run]:
            states[_label(name, run, runs)] = _labelled_state(data.manifest.arms[name], run, runs)
        rows.extend(
            row.model_copy(update={"arm": _label(row.arm, run, runs)})
            for row in data.summary
            if row.arm in chosen[run]
        )
    _check_metric(metric, rows, "summary.json")
    check_name("--sweep", path, sweep_paths(states))
    check_confidence(runs)
    rows = [row for row in rows if row.metric == metric]
    probes = sorted({row.probe for row in rows})
    if len(probes) > 1:
        raise UserError(
            f"--arms: the arms were probed by {', '.join(probes)}; choose arms of one probe"
        )
    return draw_sweep(rows, states, path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Draw transfer curves of chosen arms, from one or several runs, in one figure.",
        epilog=(
            "example: python experiments/plot_transfer_curves.py runs/a runs/b "
            "--metric accuracy --arms same-aux,different-aux --out curves.svg"
        ),
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument(
        "--arms",
        type=names,
        default=(),
        help="arms, or groups of swept arms, separated by commas; left out: all of them",
    )
    parser.add_argument(
        "--metric",
        help=f"what to draw (default: {MNIST_METRIC}, or {LANGUAGE_METRIC} of language models)",
    )
    parser.add_argument(
        "--measure",
        type=names,
        default=(),
        help="what language models were asked while they learned, separated by commas: a column "
        "each, as pivotal,options,unsafe-code (default: the headline probe)",
    )
    parser.add_argument(
        "--sweep",
        metavar="PATH",
        help="draw final values against this swept field instead of curves over steps",
    )
    add_out(parser, "transfer-curves.svg")
    return parser


def _label(arm: str, run: str, runs: Mapping[str, RunFolder]) -> str:
    return arm if len(runs) == 1 else f"{arm} ({run})"


def _labelled_state(state: ArmState, run: str, runs: Mapping[str, RunFolder]) -> ArmState:
    control = None if state.control is None else _label(state.control, run, runs)
    return state.model_copy(update={"group": _label(state.group, run, runs), "control": control})


def _chosen(runs: Mapping[str, RunFolder], arms: Sequence[str]) -> dict[str, list[str]]:
    """Run -> its arms that were asked for, by name or by group; all if none was."""
    known = {
        name
        for data in runs.values()
        for arm, state in data.manifest.arms.items()
        for name in (arm, state.group)
    }
    for arm in arms:
        check_name("--arms", arm, known)
    return {
        run: [
            arm
            for arm, state in data.manifest.arms.items()
            if not arms or arm in arms or state.group in arms
        ]
        for run, data in runs.items()
    }


def _variants(run: LanguageRun, chosen: Sequence[str], arms: Sequence[str]) -> list[Variant]:
    """The compared students among the chosen arms, with those arms alone."""
    variants = run.compared if arms else run.undosed(run.compared)
    kept = (
        replace(v, arms={trait: arm for trait, arm in v.arms.items() if arm in chosen})
        for v in variants
    )
    return [variant for variant in kept if variant.arms]


def _check_metric(
    metric: str, rows: Sequence[CurvePoint] | Sequence[Summary], file_name: str
) -> None:
    metrics = sorted({row.metric for row in rows})
    if metric not in metrics:
        found = ", ".join(metrics) or "none"
        raise UserError(f"--metric: no {metric!r} of these arms in {file_name}; it has: {found}")


if __name__ == "__main__":
    sys.exit(main())
