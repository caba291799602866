"""Draw transfer curves of chosen arms, from one or several runs, in one figure.

python experiments/plot_transfer_curves.py runs/a runs/b --arms same-aux --out curves.svg
python experiments/plot_transfer_curves.py runs/m --sweep network.auxiliary --out m.png
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from matplotlib.figure import Figure

from subliminal.atomic import write_bytes
from subliminal.errors import UserError
from subliminal.report import (
    RunFolder,
    confidence_of,
    draw_curves,
    draw_sweep,
    encode,
    read_run,
    sweep_paths,
)
from subliminal.results import ArmState, CurvePoint, Summary


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the figure that the command line asks for; the exit code is 2 for bad input."""
    options = _parser().parse_args(arguments)
    try:
        file_format = _format(options.out)
        runs = _labelled_runs(options.runs)
        if options.sweep is None:
            figure = transfer_curves(runs, options.arms, options.metric)
        else:
            figure = transfer_sweep(runs, options.arms, options.metric, options.sweep)
        write_bytes(options.out, encode(figure, file_format))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


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
    return draw_curves(points, metric=metric, confidence=_confidence(runs))


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
    _check_name("--sweep", path, sweep_paths(states))
    _confidence(runs)
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
        type=_names,
        default=(),
        help="arms, or groups of swept arms, separated by commas; left out: all of them",
    )
    parser.add_argument("--metric", default="accuracy", help="what to draw (default: accuracy)")
    parser.add_argument(
        "--sweep",
        metavar="PATH",
        help="draw final values against this swept field instead of curves over steps",
    )
    parser.add_argument("--out", type=Path, required=True, help="the .svg or .png file to write")
    return parser


def _names(text: str) -> tuple[str, ...]:
    """Split at commas, except within the brackets of a swept arm's name."""
    names, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "," and depth == 0:
            names.append("")
        else:
            names[-1] += character
    return tuple(name.strip() for name in names if name.strip())


def _format(out: Path) -> Literal["png", "svg"]:
    match out.suffix.lower():
        case ".svg":
            return "svg"
        case ".png":
            return "png"
        case other:
            raise UserError(f"--out: {out}: cannot write {other or 'no'} files; use .svg or .png")


def _labelled_runs(folders: Sequence[Path]) -> dict[str, RunFolder]:
    """Runs by their folder's name, or by its path where names coincide."""
    counts = Counter(folder.resolve() for folder in folders)
    for folder in folders:
        if counts[folder.resolve()] > 1:
            raise UserError(f"{folder}: this run is listed twice; list each run once")
    names = Counter(folder.resolve().name for folder in folders)
    return {
        folder.resolve().name if names[folder.resolve().name] == 1 else str(folder): read_run(
            folder
        )
        for folder in folders
    }


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
        _check_name("--arms", arm, known)
    return {
        run: [
            arm
            for arm, state in data.manifest.arms.items()
            if not arms or arm in arms or state.group in arms
        ]
        for run, data in runs.items()
    }


def _check_name(option: str, name: str, valid: Iterable[str]) -> None:
    valid = sorted(valid)
    if name not in valid:
        nearest = difflib.get_close_matches(name, valid, n=1, cutoff=0)
        mend = f"did you mean {nearest[0]!r}?" if nearest else "these runs have none"
        raise UserError(f"{option}: no {name!r} in these runs; {mend}")


def _check_metric(
    metric: str, rows: Sequence[CurvePoint] | Sequence[Summary], file_name: str
) -> None:
    metrics = sorted({row.metric for row in rows})
    if metric not in metrics:
        found = ", ".join(metrics) or "none"
        raise UserError(f"--metric: no {metric!r} of these arms in {file_name}; it has: {found}")


def _confidence(runs: Mapping[str, RunFolder]) -> float:
    levels = {run: confidence_of(data.manifest) for run, data in runs.items()}
    if len(set(levels.values())) > 1:
        found = ", ".join(f"{run}: {level:g}" for run, level in levels.items())
        raise UserError(
            f"statistics.confidence differs between runs ({found}); run them with the same one"
        )
    return next(iter(levels.values()))


if __name__ == "__main__":
    sys.exit(main())
