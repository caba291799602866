"""What the plotting scripts share: reading runs and options, writing the figure, user errors."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from matplotlib.figure import Figure

from subliminal.atomic import write_bytes
from subliminal.errors import UserError
from subliminal.report import (
    LanguageRun,
    RunFolder,
    confidence_of,
    encode,
    language_run,
    read_run,
)
from subliminal.report.language.variants import Variant

Draw = Callable[[argparse.Namespace], Figure]


def plot(parser: argparse.ArgumentParser, draw: Draw, arguments: Sequence[str] | None) -> int:
    """Draw and write the figure that the command line asks for.

    Args:
        parser: Of the script, with an option `--out`.
        draw: Makes the figure from the options.
        arguments: The words of the command line; None for those of this process.

    Returns:
        The exit code: 2 for bad input, which is told in one line.
    """
    options = parser.parse_args(arguments)
    try:
        file_format = _format(options.out)
        write_bytes(options.out, encode(draw(options), file_format))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _format(out: Path) -> Literal["png", "svg"]:
    match out.suffix.lower():
        case ".svg":
            return "svg"
        case ".png":
            return "png"
        case other:
            raise UserError(f"--out: {out}: cannot write {other or 'no'} files; use .svg or .png")


def add_out(parser: argparse.ArgumentParser, default: str) -> None:
    """Give a script its option for the file to write."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(default),
        help=f"the .svg or .png file to write (default: {default})",
    )


def add_language_options(parser: argparse.ArgumentParser) -> None:
    """Give a script of language runs the options that choose what it draws."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument("--probe", help="a judged probe (default: favourite or pivotal)")


def names(text: str) -> tuple[str, ...]:
    """Split at commas, except within the brackets of a swept arm's name."""
    found, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "," and depth == 0:
            found.append("")
        else:
            found[-1] += character
    return tuple(name.strip() for name in found if name.strip())


def labelled_runs(folders: Sequence[Path]) -> dict[str, RunFolder]:
    """Runs by their folder's name, or by its path where names coincide.

    Raises:
        UserError: A run is listed twice or cannot be read.
    """
    counts = Counter(folder.resolve() for folder in folders)
    for folder in folders:
        if counts[folder.resolve()] > 1:
            raise UserError(f"{folder}: this run is listed twice; list each run once")
    shared = Counter(folder.resolve().name for folder in folders)
    return {
        folder.resolve().name if shared[folder.resolve().name] == 1 else str(folder): read_run(
            folder
        )
        for folder in folders
    }


def read_language_run(folder: Path) -> LanguageRun:
    """Read a run on language models.

    Raises:
        UserError: It cannot be read, or is of another kind.
    """
    run = language_run(read_run(folder))
    if run is None:
        raise UserError(f"{folder}: is no run on language models; use plot_transfer_curves.py")
    return run


def check_name(option: str, name: str, valid: Iterable[str]) -> None:
    """Refuse a name that the runs do not have.

    Raises:
        UserError: Says which of theirs is nearest.
    """
    valid = sorted(valid)
    if name not in valid:
        nearest = difflib.get_close_matches(name, valid, n=1, cutoff=0)
        mend = f"did you mean {nearest[0]!r}?" if nearest else "these runs have none"
        raise UserError(f"{option}: no {name!r} in these runs; {mend}")


def check_confidence(runs: Mapping[str, RunFolder]) -> float:
    """The confidence of the runs' intervals.

    Raises:
        UserError: It differs between them.
    """
    levels = {run: confidence_of(data.manifest) for run, data in runs.items()}
    if len(set(levels.values())) > 1:
        found = ", ".join(f"{run}: {level:g}" for run, level in levels.items())
        raise UserError(
            f"statistics.confidence differs between runs ({found}); run them with the same one"
        )
    return next(iter(levels.values()))


def probe_of(run: LanguageRun, asked: str | None) -> str:
    """The probe to draw: the one asked for, or the run's first.

    Raises:
        UserError: The run has no such probe, or none at all.
    """
    if asked is not None:
        check_name("--probe", asked, run.probes)
        return asked
    if not run.probes:
        raise UserError("summary.json: no probe was judged; run the experiment to its end")
    return run.probes[0]


def compared_in(run: LanguageRun, chosen: Sequence[str] = ()) -> list[Variant]:
    """The students to draw: those of some groups, else all but the steps of dose curves.

    Raises:
        UserError: A group is unknown, or no student has a control.
    """
    if not run.compared:
        raise UserError("no student of this run has a control; there is nothing to compare")
    if not chosen:
        return run.undosed(run.compared)
    for name in chosen:
        check_name("--groups", name, {v.group for v in run.compared})
    return [variant for variant in run.compared if variant.group in chosen]
