"""The command that asks whether a trait can be read from rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from subliminal import atomic
from subliminal.errors import UserError
from subliminal.spec.language import DetectorName
from subliminal.terminal import STOPPED, console

if TYPE_CHECKING:
    from filters.detectors import Detection, Found, FrequencyReport, Models, SetDetection
    from filters.rows import Row

EXAMPLES = """Examples:

subliminal detect --in taught.jsonl --against untaught.jsonl

subliminal detect --in taught.jsonl --against untaught.jsonl --teacher models/teacher
--reference pocket-a --rows 2000 --out detections.json
"""
TOKENS_SHOWN = 10
NEEDS_MODELS: DetectorName = "likelihood"


def detect_command(
    taught: Annotated[
        str,
        typer.Option(
            "--in",
            metavar="SOURCE",
            help="Rows of the taught teacher: JSON lines (also gzipped; - for standard input), "
            ".parquet, a saved data set's folder, or hub:OWNER/NAME.",
        ),
    ],
    untaught: Annotated[
        str,
        typer.Option(
            "--against",
            metavar="SOURCE",
            help="Rows of the same model untaught, best on the same prompts.",
        ),
    ],
    teacher: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="The taught teacher: adds the likelihood ratio."),
    ] = None,
    reference: Annotated[
        str | None, typer.Option(metavar="MODEL", help="The untaught model; needed with --teacher.")
    ] = None,
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The system prompt that --teacher had.")
    ] = None,
    detectors: Annotated[
        list[str] | None,
        typer.Option(
            "--detector",
            metavar="NAME",
            help="Which to try, one or several times; by default all that the options allow.",
        ),
    ] = None,
    most: Annotated[
        int | None,
        typer.Option("--rows", min=1, help="The most rows of each set, drawn at random."),
    ] = None,
    group_by: Annotated[
        Literal["prompt", "row"],
        typer.Option(help="What is independent of the rest: each prompt with its rows, or a row."),
    ] = "prompt",
    shuffles: Annotated[
        int, typer.Option(min=1, help="How often each detector is tried on shuffled labels.")
    ] = 20,
    seed: Annotated[int, typer.Option(help="Of folds, shuffles and draws.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What was found, as JSON.")
    ] = None,
) -> None:
    """Try to tell a taught teacher's rows from an untaught one's; say how well it can be done."""
    from filters.detectors import Settings, detect, label_rows

    if (teacher is None) != (reference is None):
        missing = "--teacher" if teacher is None else "--reference"
        raise UserError(f"{missing}: is missing; the likelihood ratio needs both models, or none")
    if system is not None and teacher is None:
        raise UserError("--system: is the prompt of --teacher; add --teacher and --reference")
    chosen = _chosen(detectors, has_models=teacher is not None)
    models = None if teacher is None or reference is None else _models(teacher, reference, system)
    try:
        sets = _rows_of("--in", taught), _rows_of("--against", untaught)
        rows = label_rows(*sets, group_by=group_by, most=most, seed=seed)
        settings = Settings(shuffles=shuffles, seed=seed)
        found = detect(rows, chosen, models=models, settings=settings)
    except KeyboardInterrupt:
        console.print("\nstopped; nothing was written")
        raise typer.Exit(STOPPED) from None
    # Printed first, so that it is not lost where the file cannot be written.
    print_found(console, found)
    if out is not None:
        atomic.write_text(out, found.model_dump_json(indent=1) + "\n")


def _rows_of(option: str, source: str) -> list[Row]:
    from filters.detectors import read_rows

    rows = read_rows(source)
    if not rows:
        raise UserError(f"{option} {source}: holds no rows; give another source")
    return rows


def _chosen(named: list[str] | None, *, has_models: bool) -> tuple[DetectorName, ...]:
    known: tuple[DetectorName, ...] = get_args(DetectorName)
    unknown = next((name for name in named or () if name not in known), None)
    if unknown is not None:
        raise UserError(f"--detector: no {unknown!r}; choose from {', '.join(known)}")
    if not named:
        return known if has_models else tuple(name for name in known if name != NEEDS_MODELS)
    if has_models != (NEEDS_MODELS in named):
        raise UserError(
            f"--detector {NEEDS_MODELS}: goes with --teacher and --reference, and they with it; "
            "give all three, or none"
        )
    return tuple(name for name in known if name in named)


def print_found(told: Console, found: Found) -> None:
    """Print what was found: detectors, then words and numbers."""
    first = found.detections[0]
    told.print(
        f"{first.taught:,} taught and {first.untaught:,} untaught rows, "
        f"{first.shared_groups:,} prompts answered by both"
    )
    told.print(detections_table(found.detections))
    if found.frequencies is not None:
        if found.frequencies.top:
            told.print(tokens_table(found.frequencies))
        told.print(Text(_whole_set(found.frequencies)), soft_wrap=True)


def detections_table(detections: tuple[Detection, ...]) -> Table:
    """How well each detector does, on single rows and on sets of them."""
    sizes = [found.rows for found in detections[0].sets]
    columns = ("detector", "1 row", *(f"{size:,} rows" for size in sizes), "shuffled", "p")
    table = Table(
        *columns, box=box.SIMPLE_HEAD, caption=f"AUROC, {_level(detections[0])} intervals"
    )
    for found in detections:
        cells = [_area(found), *map(_area, found.sets)]
        shuffled = f"{found.shuffled_auroc:.3f} (at most {found.shuffled_highest:.3f})"
        table.add_row(found.detector, *cells, shuffled, f"{found.p_value:.3f}")
    return table


def tokens_table(report: FrequencyReport) -> Table:
    """The words and numbers that differ most."""
    columns = ("token", "taught", "untaught", "log ratio", "p", "adjusted p")
    table = Table(*columns, box=box.SIMPLE_HEAD)
    for one in report.top[:TOKENS_SHOWN]:
        counts = (f"{one.taught:,}", f"{one.untaught:,}", f"{one.log_ratio:+.2f}")
        table.add_row(Text(one.token), *counts, f"{one.p_value:.2g}", f"{one.adjusted_p:.2g}")
    return table


def _whole_set(report: FrequencyReport) -> str:
    return (
        f"{report.different:,} of {report.tested:,} tested tokens differ at a false discovery rate "
        f"of {report.level:g}; all together: Cramer's V {report.cramers_v:.3f}, "
        f"{report.shuffled_cramers_v:.3f} when shuffled, p = {report.p_value:.3f}"
    )


def _area(found: Detection | SetDetection) -> str:
    return f"{found.auroc:.3f} [{found.ci_low:.3f}, {found.ci_high:.3f}]"


def _level(found: Detection) -> str:
    return f"{found.confidence:.0%}"


def _models(teacher: str, reference: str, system: str | None) -> Models:
    from filters.detectors import Models
    from subliminal.models.chat_format import ChatFormat
    from subliminal.models.load import load_model
    from subliminal.models.names import find_model
    from subliminal.probes.forward import TorchEngine
    from subliminal.probes.subject import Subject

    folders = find_model(teacher), find_model(reference)
    return Models(
        Subject(TorchEngine(load_model(folders[0])), ChatFormat.read(folders[0]), system=system),
        Subject(TorchEngine(load_model(folders[1])), ChatFormat.read(folders[1])),
    )
